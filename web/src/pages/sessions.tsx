// Sessions, newest first, and what happens to them while the page is open.
import { useMemo, useState } from 'preact/hooks';
import { get, me, useLoad, usePages } from '../api';
import { duration, plural, short } from '../format';
import { Filters, type Field } from '../filters';
import { useLive } from '../live';
import { Claimed, Empty, Head, More, ProblemBox, Time, useNow, Verdict, Waiting, Who } from '../parts';
import { flat } from '../reveal';
import { usePlace } from '../router';
import type { Connections, Session } from '../shapes';
import { Shown } from '../shown';
import { useStore } from '../store';

/* What the page itself can tell of a session that it is told about; by the others the gateway has to look. */
const own: Record<string, (session: Session, value: string) => boolean> = {
  who: (session, value) => session.principal === value,
  on_behalf_of: (session, value) => session.on_behalf_of === value,
  connection: (session, value) => session.connection === value,
  task: (session, value) => session.task === value,
  live: (session, value) => String(session.live) === value,
};

function Row({ one }: { one: Session }) {
  const at = useNow(one.live ? 5000 : 0);
  const ended = one.ended ? Date.parse(one.ended) : at;
  return (
    <tr class={one.live ? 'row-live' : ''}>
      <td data-name="When">
        <a href={`/sessions/${encodeURIComponent(one.id)}`} class="row-link" data-row aria-label={`Session ${one.id} of ${flat(one.principal)}`}>
          <Time at={one.started} />
        </a>
        {one.live ? (
          <span class="live live-on">
            <i /> open
          </span>
        ) : (
          <span class="soft small">{duration((ended - Date.parse(one.started)) * 1000)}</span>
        )}
      </td>
      <td data-name="Who">
        <Who user={one.principal} machine={one.machine} onBehalfOf={one.on_behalf_of} />
      </td>
      <td data-name="Connection">
        <Shown text={one.connection} />
        <span class="soft small">
          {' '}
          as <Shown text={one.login} />
        </span>
      </td>
      <td data-name="Task" class="wide-only">
        {one.task || one.agent ? (
          <Claimed>
            <Shown text={one.task || one.agent} most={60} />
          </Claimed>
        ) : one.application ? (
          <Claimed>
            <Shown text={one.application} most={60} />
          </Claimed>
        ) : null}
      </td>
      <td data-name="Statements" class="number">
        {short(one.statements)}
      </td>
      <td data-name="Rows" class="number wide-only">
        {short(one.rows)}
      </td>
      <td data-name="Outcome">
        {one.refused > 0 && <Verdict name="deny">{short(one.refused)} refused</Verdict>}
        {one.errors - one.refused > 0 && <Verdict name="error">{short(one.errors - one.refused)} failed</Verdict>}
        {!one.refused && one.errors <= 0 && <Verdict name="allow">clean</Verdict>}
      </td>
    </tr>
  );
}

export function SessionsPage() {
  const { query } = usePlace();
  const all = useStore(me)?.roles.some((role) => role === 'auditor' || role === 'admin');
  const connections = useLoad((signal) => get<Connections>('/v1/connections', {}, signal), []);
  const fields = useMemo<Field[]>(
    () => [
      { name: 'text', label: 'Words in a statement', kind: 'search', hint: 'words of a statement, "a phrase", begin*' },
      { name: 'who', label: 'Who', hint: 'exact name' },
      { name: 'on_behalf_of', label: 'On whose behalf', hint: 'exact name' },
      {
        name: 'connection',
        label: 'Connection',
        kind: { '': 'any', ...Object.fromEntries((connections.data?.items ?? []).map((one) => [one.name, flat(one.name)])) },
      },
      { name: 'verdict', label: 'Some statement was', kind: { '': 'anything', allow: 'allowed', deny: 'refused', hold: 'held', observed: 'observed', error: 'failed' } },
      { name: 'table', label: 'Table', hint: 'public.orders' },
      { name: 'task', label: 'Task (claimed)' },
      { name: 'live', label: 'State', kind: { '': 'any', true: 'open', false: 'over' } },
      { name: 'since', label: 'From', kind: 'time' },
      { name: 'until', label: 'Until', kind: 'time' },
    ],
    [connections.data],
  );
  const asked = Object.fromEntries(fields.map((field) => [field.name, query.get(field.name)]).filter(([, value]) => value)) as Record<string, string>;
  const list = usePages<Session>('/v1/sessions', asked);
  const [newer, setNewer] = useState(0);
  const filtered = Object.keys(asked).length > 0;
  useLive('session', (session) => {
    const knows = (items: Session[]) => items.some((one) => one.id === session.id);
    const belongs = Object.entries(asked).every(([name, value]) => own[name]?.(session, value));
    list.change((items) => (knows(items) ? items.map((one) => (one.id === session.id ? session : one)) : belongs ? [session, ...items].sort((a, b) => (a.id < b.id ? 1 : -1)) : items));
    if (!belongs && !knows(list.items ?? []) && session.live && Object.entries(asked).every(([name, value]) => (own[name] ? own[name](session, value) : true))) setNewer((n) => n + 1);
  });
  const reload = () => {
    setNewer(0);
    list.reload();
  };
  useLive('lost', reload);
  return (
    <>
      <Head title="Sessions" lead={all ? 'Who came in, for whom, and what became of it.' : 'Your own sessions, and those that act on your behalf.'}>
        {useStore(me)?.roles.includes('auditor') && <a href="/turned-away">Turned away at the door</a>}
      </Head>
      <Filters fields={fields} label="Sessions" />
      {newer > 0 && (
        <button type="button" class="newer" onClick={reload}>
          {plural(newer, 'session')} moved meanwhile. Look again
        </button>
      )}
      {list.problem && <ProblemBox problem={list.problem} retry={list.reload} />}
      {!list.items && !list.problem && <Waiting what="Reading" />}
      {list.items &&
        (list.items.length ? (
          <table class={`list ${list.loading ? 'list-stale' : ''}`}>
            <caption class="hidden">Sessions, newest first</caption>
            <thead>
              <tr>
                <th scope="col">Began</th>
                <th scope="col">Who</th>
                <th scope="col">Connection</th>
                <th scope="col" class="wide-only">Why</th>
                <th scope="col" class="number">Statements</th>
                <th scope="col" class="number wide-only">Rows</th>
                <th scope="col">Outcome</th>
              </tr>
            </thead>
            <tbody>
              {list.items.map((one) => (
                <Row key={one.id} one={one} />
              ))}
            </tbody>
          </table>
        ) : list.more || list.loading ? (
          <Waiting what={list.loading ? 'Looking' : 'Nothing so far'} />
        ) : filtered ? (
          <Empty title="No session matches">
            <p>Names are compared as they are; words of a statement may end in a star. Take a filter away, or widen the time.</p>
          </Empty>
        ) : (
          <Empty title="No session yet">
            <p>
              A session appears here as soon as a client comes in through the gateway. <a href="/connections">Connections</a> says how to connect.
            </p>
          </Empty>
        ))}
      {list.items && <More more={list.more} loading={list.loading && list.items.length > 0} />}
    </>
  );
}
