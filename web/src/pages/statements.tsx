// Search over what ran: shapes of statements, by session and minute.
import { useMemo } from 'preact/hooks';
import { get, useLoad, usePages } from '../api';
import { duration, plural, short } from '../format';
import { Filters, type Field } from '../filters';
import { Empty, Head, More, ProblemBox, Time, Verdict, Waiting } from '../parts';
import { flat } from '../reveal';
import { usePlace } from '../router';
import type { Connections, Statement } from '../shapes';
import { Shown, SqlLine } from '../shown';

const effects =
  'read write update delete truncate schema.create schema.alter schema.drop privilege session transaction bulk_in bulk_out procedure unsafe_io lock maintenance replication unknown'.split(' ');

function Row({ one }: { one: Statement }) {
  return (
    <li class="card hit">
      <a class="hit-link" href={`/sessions/${encodeURIComponent(one.session)}?at=${one.first_sequence}`} data-row>
        <SqlLine text={one.shape} most={400} />
        <span class="hit-facts">
          <Verdict name={one.decision} />
          {one.rule && (
            <span class="soft">
              <Shown text={one.rule} />
            </span>
          )}
          {one.errors > 0 && one.decision !== 'deny' && (
            <Verdict name="error">
              {short(one.errors)} failed <Shown text={one.error} />
            </Verdict>
          )}
          <b>
            <Shown text={one.principal} />
          </b>
          <span>
            <span class="soft">on</span> <Shown text={one.connection} />
          </span>
          <span class="soft">
            {plural(one.executions, 'time')} · {short(one.rows)} rows
            {one.executions > 0 && ` · ${duration(one.us / one.executions)} each`}
          </span>
          <span class="grow" />
          <span class="soft">
            <Time at={one.time} />
          </span>
        </span>
      </a>
    </li>
  );
}

export function StatementsPage() {
  const { query } = usePlace();
  const connections = useLoad((signal) => get<Connections>('/v1/connections', {}, signal), []);
  const fields = useMemo<Field[]>(
    () => [
      { name: 'text', label: 'Words', kind: 'search', hint: 'words of a statement, "a phrase", begin*' },
      { name: 'who', label: 'Who', hint: 'exact name' },
      {
        name: 'connection',
        label: 'Connection',
        kind: { '': 'any', ...Object.fromEntries((connections.data?.items ?? []).map((one) => [one.name, flat(one.name)])) },
      },
      { name: 'verdict', label: 'Verdict', kind: { '': 'any', allow: 'allowed', deny: 'refused', hold: 'held', observed: 'observed', error: 'failed' } },
      { name: 'table', label: 'Table', hint: 'public.orders' },
      { name: 'effect', label: 'Effect', kind: { '': 'any', ...Object.fromEntries(effects.map((name) => [name, name])) } },
      { name: 'error', label: 'SQLSTATE', hint: '42501 or 42' },
      { name: 'session', label: 'Session', hint: 'its id' },
      { name: 'since', label: 'From', kind: 'time' },
      { name: 'until', label: 'Until', kind: 'time' },
    ],
    [connections.data],
  );
  const asked = Object.fromEntries(fields.map((field) => [field.name, query.get(field.name)]));
  const filtered = Object.values(asked).some(Boolean);
  const list = usePages<Statement>('/v1/statements', asked);
  return (
    <>
      <Head title="Search" lead="What ran, without its literals, from the newest session on. Each hit leads to where it stands in its session." />
      <Filters fields={fields} label="Statements" />
      {list.problem && <ProblemBox problem={list.problem} retry={list.reload} />}
      {!list.items && !list.problem && <Waiting what="Searching" />}
      {list.items &&
        (list.items.length ? (
          <ul class={`cards ${list.loading ? 'list-stale' : ''}`}>
            {list.items.map((one, i) => (
              <Row key={`${one.session} ${one.first_sequence} ${i}`} one={one} />
            ))}
          </ul>
        ) : list.more || list.loading ? (
          <Waiting what={list.loading ? 'Looking' : 'Nothing so far'} />
        ) : filtered ? (
          <Empty title="Nothing matches">
            <p>
              The words of a statement are searched, not its values: those were cut out. <code>postern audit search</code> looks for values in what was recorded.
            </p>
          </Empty>
        ) : (
          <Empty title="Nothing ran yet">
            <p>
              As soon as a client sends a statement through the gateway, it can be found here. <a href="/connections">How to connect</a>
            </p>
          </Empty>
        ))}
      {list.items && <More more={list.more} loading={list.loading && list.items.length > 0} />}
    </>
  );
}
