// Who saw a column; and who was shown one value of it. The column stands in the address, the value nowhere but in the
// field: it goes to the gateway in a request's body.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { asProblem, get, post, useLoad, type Problem } from '../api';
import { Filters, type Field } from '../filters';
import { plural, short } from '../format';
import { Empty, Head, ProblemBox, Tags, Time, Verdict, Waiting, type VerdictName } from '../parts';
import { flat } from '../reveal';
import { usePlace } from '../router';
import type { Connections, Sight, ValueSight, WhoSaw, WhoSawRequest, WhoSawValue } from '../shapes';
import { Shown, SqlLine } from '../shown';

const states: Record<string, [string, VerdictName]> = { clear: ['clear', 'observed'], masked: ['masked', 'allow'], untraced: ['untraced', 'error'] };

function Place({ session, entry }: { session: string; entry: number }) {
  return (
    <a class="row-link" href={`/sessions/${encodeURIComponent(session)}?at=${entry}`} data-row>
      {session} #{entry}
    </a>
  );
}

function SightRow({ one }: { one: Sight }) {
  const [word, verdict] = states[one.state] ?? [one.state, 'none' as const];
  return (
    <tr>
      <td data-name="Who">
        <b>
          <Shown text={one.principal} />
        </b>{' '}
        <span class="soft">
          on <Shown text={one.connection} />
        </span>
      </td>
      <td data-name="Column">
        <Shown text={`${one.relation}.${one.column}`} />
      </td>
      <td data-name="Came out">
        <Verdict name={verdict}>{word}</Verdict>
      </td>
      <td data-name="rows" class="number" title={`${plural(one.results, 'result')} in ${plural(one.sessions, 'session')}`}>
        {short(one.rows)}
      </td>
      <td data-name="Last">
        <Time at={one.last} />
      </td>
      <td data-name="Newest">
        <Place session={one.session} entry={one.sequence} />
      </td>
      <td data-name="Statement" class="wide-only">
        <SqlLine text={one.shape} most={120} />
      </td>
    </tr>
  );
}

function ValueRow({ one }: { one: ValueSight }) {
  return (
    <tr>
      <td data-name="Who">
        <b>
          <Shown text={one.principal} />
        </b>
        {one.on_behalf_of && (
          <>
            {' '}
            for <Shown text={one.on_behalf_of} />
          </>
        )}{' '}
        <span class="soft">
          on <Shown text={one.connection} />
        </span>
      </td>
      <td data-name="Column">
        <Shown text={one.column} />
      </td>
      <td data-name="rows" class="number">
        {short(one.rows)}
      </td>
      <td data-name="Last">
        <Time at={one.last} />
      </td>
      <td data-name="First entry">
        <Place session={one.session} entry={one.first_sequence} />
      </td>
      <td data-name="Statement" class="wide-only">
        <SqlLine text={one.shape} most={120} />
      </td>
    </tr>
  );
}

function Table({ caption, titles, children }: { caption: string; titles: string[]; children: preact.ComponentChildren }) {
  return (
    <table class="list">
      <caption class="hidden">{caption}</caption>
      <thead>
        <tr>
          {titles.map((title) => (
            <th key={title} scope="col" class={title === 'Rows' ? 'number' : title === 'Statement' ? 'wide-only' : undefined}>
              {title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  );
}

function ValueAnswer({ found }: { found: WhoSawValue }) {
  return (
    <>
      {found.scanned && <p class="soft">No policy has the values of this column indexed (record.values): the recordings were read.</p>}
      {found.unknown_rows > 0 && <p class="soft">Of {plural(found.unknown_rows, 'row')} it is not known which values they showed: they were not recorded.</p>}
      {found.unread > 0 && <p class="soft">The recordings of {plural(found.unread, 'session')} cannot be read, or not to the end.</p>}
      {found.items.length ? (
        <Table caption="Who was shown this value" titles={['Who', 'Column', 'Rows', 'Last', 'First entry', 'Statement']}>
          {found.items.map((one, i) => (
            <ValueRow key={i} one={one} />
          ))}
        </Table>
      ) : (
        <Empty title="Nobody was shown this value" />
      )}
    </>
  );
}

/** Asks for a value of the column; what is asked for is in no address, and forgotten with the page. */
function AskValue({ asked }: { asked: Omit<WhoSawRequest, 'value'> }) {
  const [value, setValue] = useState('');
  const [found, setFound] = useState<WhoSawValue>();
  const [problem, setProblem] = useState<Problem>();
  const [busy, setBusy] = useState(false);
  const question = JSON.stringify(asked);
  const current = useRef(question);
  current.current = question;
  useEffect(() => {
    setFound(undefined);
    setProblem(undefined);
  }, [question]);
  const ask = (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setProblem(undefined);
    post<WhoSawValue>('/v1/who-saw', { ...asked, value })
      .then(
        (answer) => current.current === question && setFound(answer),
        (error: unknown) => current.current === question && setProblem(asProblem(error)),
      )
      .finally(() => setBusy(false));
  };
  return (
    <section class="ask-value">
      <h2>One value</h2>
      <form aria-label="One value" onSubmit={ask}>
        <label>
          <span>Who was shown this value of it</span>
          <input type="text" value={value} maxLength={8000} autoComplete="off" spellcheck={false} onInput={(event) => setValue(event.currentTarget.value)} />
        </label>
        <button type="submit" disabled={busy || !value}>
          Ask
        </button>
      </form>
      {problem && <ProblemBox problem={problem} />}
      {busy && <Waiting what="Looking, which takes a while where recordings have to be read" />}
      {!busy && found && <ValueAnswer found={found} />}
    </section>
  );
}

export function WhoSawPage() {
  const { query } = usePlace();
  const connections = useLoad((signal) => get<Connections>('/v1/connections', {}, signal), []);
  const fields = useMemo<Field[]>(
    () => [
      { name: 'column', label: 'Column', kind: 'search', hint: 'public.customers.email, customers.*' },
      { name: 'state', label: 'Came out', kind: { '': 'any way', clear: 'clear', masked: 'masked', untraced: 'untraced' } },
      { name: 'who', label: 'Who', hint: 'exact name' },
      {
        name: 'connection',
        label: 'Connection',
        kind: { '': 'any', ...Object.fromEntries((connections.data?.items ?? []).map((one) => [one.name, flat(one.name)])) },
      },
      { name: 'since', label: 'From', kind: 'time' },
      { name: 'until', label: 'Until', kind: 'time' },
    ],
    [connections.data],
  );
  const asked = Object.fromEntries(fields.map((field) => [field.name, query.get(field.name)]));
  const column = asked.column ?? '';
  const { state: _, ...narrowed } = asked;
  const list = useLoad(
    (signal) => (column ? get<WhoSaw>('/v1/who-saw', asked, signal) : Promise.resolve(undefined)),
    [JSON.stringify(asked)],
  );
  const untraced = list.data?.items.some((one) => one.state === 'untraced');
  return (
    <>
      <Head title="Who saw" lead="Which columns came out to whom, masked or clear. That you look here is recorded.">
        <a class="button" href="/v1/report?period=30d&format=html" download="audit-report.html">
          Report of 30 days
        </a>
      </Head>
      <Filters fields={fields} label="Columns" />
      {list.problem && <ProblemBox problem={list.problem} retry={list.reload} />}
      {column && list.loading && <Waiting what="Looking" />}
      {!column ? (
        <Empty title="Whose eyes were on it?">
          <p>
            Write a column with its table: <code>public.customers.email</code>; <code>customers.*</code> is any. Columns are told of that have a tag, or that a mask of some policy names.{' '}
            What was found by what it looks like are columns of <code>values</code>: <Tags of={['values.card_number', 'values.iban', 'values.email']} />
          </p>
        </Empty>
      ) : (
        list.data &&
        (list.data.items.length ? (
          <>
            <Table caption="Who saw it, newest first" titles={['Who', 'Column', 'Came out', 'Rows', 'Last', 'Newest', 'Statement']}>
              {list.data.items.map((one, i) => (
                <SightRow key={i} one={one} />
              ))}
            </Table>
            {list.data.more && <p class="soft">These are the newest; a time, a name or a connection narrows it.</p>}
            {untraced && <p class="soft">Untraced: the table was read by somebody whose statements are not looked into; which columns came out is not known.</p>}
          </>
        ) : (
          <Empty title="Nobody saw it">
            <p>Or no policy masks it and it has no tag, so that it is not told of; then its values can still be looked for below.</p>
          </Empty>
        ))
      )}
      {column && !list.problem && <AskValue asked={{ ...narrowed, column }} />}
    </>
  );
}
