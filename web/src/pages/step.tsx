// One step of a transcript.
import { useState } from 'preact/hooks';
import { asProblem } from '../api';
import { count, duration, offset, plural } from '../format';
import { Claimed, Copy, Glyph, say, Tags, Time, Verdict } from '../parts';
import { Prose, Shown, Sql } from '../shown';
import { asText, type Column, type Happening, type Result, type Step, type Text } from '../transcript';

const numeric = new Set([20, 21, 23, 26, 700, 701, 790, 1700]);

function Value({ value }: { value: Text | undefined }) {
  const [whole, setWhole] = useState(false);
  if (value == null) return <i class="null">null</i>;
  const text = asText(value);
  if (text === '') return <i class="null">empty</i>;
  if (text.length <= 160 || whole) return <Shown text={text} most={100_000} />;
  return (
    <>
      <Shown text={text.slice(0, 140)} />
      <button type="button" class="link more-said" onClick={() => setWhole(true)}>
        … +{count(text.length - 140)} characters
      </button>
    </>
  );
}

const SHOWN = 20; /* rows, until more are asked for */

function Rows({ result, onAll }: { result: Result; onAll: () => Promise<void> }) {
  const [most, setMost] = useState(SHOWN);
  const [busy, setBusy] = useState(false);
  const columns: Column[] = result.columns ?? (result.rows[0] ?? []).map((_, i) => ({ name: `column ${i + 1}`, oid: 0 }));
  const total = Math.max(result.rows.length, result.complete?.rows ?? 0);
  const more = async () => {
    if (result.rows.length >= total || most < result.rows.length) return setMost(most + 200);
    setBusy(true);
    try {
      await onAll();
      setMost(most + 1000);
    } catch (error) {
      say(asProblem(error).message, 'bad');
    }
    setBusy(false);
  };
  return (
    <div class="rows" tabIndex={0} role="region" aria-label={`Rows: ${count(total)}`}>
      <table aria-label={`Rows: ${count(total)}`}>
        <thead>
          <tr>
            {columns.map((column, i) => (
              <th key={i} scope="col" class={`${numeric.has(column.oid) ? 'number' : ''} ${column.masked ? 'masked' : ''}`}>
                <Shown text={asText(column.name) || '?'} />
                {column.masked && (
                  <span class="masked-word" title="A mask stands in the place of this column">
                    masked
                  </span>
                )}
                {column.type && <small><Shown text={column.type} /></small>}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {result.rows.slice(0, most).map((row, i) => (
            <tr key={i}>
              {row.map((value, j) => (
                <td key={j} class={`${numeric.has(columns[j]?.oid ?? 0) ? 'number' : ''} ${columns[j]?.masked ? 'masked' : ''} ${asText(value).length <= 24 ? 'value-short' : ''}`}>
                  <Value value={value} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {total > Math.min(most, result.rows.length) && (
        <button type="button" class="link more-said" disabled={busy} onClick={more}>
          {busy ? 'Reading…' : `${count(Math.min(most, result.rows.length))} of ${plural(total, 'row')}. Show more`}
        </button>
      )}
    </div>
  );
}

const hows: Record<string, string> = {
  failed: 'failed',
  suspended: 'suspended',
  skipped: 'skipped after an error',
  lost: 'its end was lost',
  empty: 'empty text',
  undone: 'undone',
};

function Outcome({ result, alone }: { result: Result; alone: boolean }) {
  const end = result.complete;
  if (!end || end.how === 'refused') return null;
  const tag = asText(end.tag);
  // The tag says how many already, but for what it has no number for.
  const counted = /\d$/.test(tag) || !end.rows;
  return (
    <p class={`outcome outcome-${end.how}`}>
      {tag !== '' && (
        <code>
          <Shown text={tag} />
        </code>
      )}
      {end.how && hows[end.how] && <span>{hows[end.how]}</span>}
      {!counted && <span>{plural(end.rows!, 'row')}</span>}
      {!alone && end.us != null && <span>{duration(end.us)}</span>}
    </p>
  );
}

export function Report({ of }: { of: Happening }) {
  return (
    <div class={`report ${of.error ? 'report-error' : ''}`}>
      <p>
        <b><Shown text={of.severity ?? (of.error ? 'ERROR' : 'NOTICE')} /></b> {of.sqlstate && <code><Shown text={of.sqlstate} /></code>} <Shown text={asText(of.message)} />
        {of.origin === 'gateway' && <span class="tag">said by the gate</span>}
      </p>
      {of.detail && <p><Shown text={asText(of.detail)} /></p>}
      {of.hint && (
        <p>
          <span class="soft">Hint:</span> <Shown text={asText(of.hint)} />
        </p>
      )}
    </div>
  );
}

function Parameters({ of }: { of: Happening['parameters'] }) {
  if (!of?.length) return null;
  return (
    <dl class="bound">
      {of.map((parameter, i) => (
        <div key={i}>
          <dt>
            ${i + 1}
            {parameter.type && <small><Shown text={parameter.type} /></small>}
          </dt>
          <dd>
            <Value value={parameter.value} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Sent({ written, sent }: { written: string; sent: string }) {
  const [open, setOpen] = useState(false);
  return (
    <details class="sent" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>As it went to the server</summary>
      {open && (
        <>
          <Sql text={sent} from={written} lines={24} label="The text that went to the server" />
          <p class="soft small">What the gate put in is underlined.</p>
        </>
      )}
    </details>
  );
}

function Statement({ step, onAllRows }: { step: Step; onAllRows: (step: Step) => Promise<void> }) {
  const { first } = step;
  const alone = step.results.length === 1;
  return (
    <>
      <Sql text={asText(first.sql)} lines={24} />
      {first.sent && asText(first.sent) !== asText(first.sql) && <Sent written={asText(first.sql)} sent={asText(first.sent)} />}
      <Parameters of={first.parameters} />
      {step.reports.map((report, i) => (
        <Report key={i} of={report} />
      ))}
      {step.copied.length > 0 && (
        <details class="copied">
          <summary>
            COPY {step.copied[0]!.direction}, {plural(step.copied.length, 'piece')}
          </summary>
          <pre dir="ltr">
            {step.copied.slice(0, 500).map((copy, i) => (
              <Prose key={i} text={asText(copy.data)} />
            ))}
          </pre>
        </details>
      )}
      {step.results.map(
        (result, i) =>
          (result.rows.length > 0 || !alone) && (
            <div key={i} class="result">
              {result.rows.length > 0 && <Rows result={result} onAll={() => onAllRows(step)} />}
              {!alone && <Outcome result={result} alone={false} />}
            </div>
          ),
      )}
      <div class="step-foot">
        {alone && <Outcome result={step.results[0]!} alone />}
        {(first.relations || first.effects) && (
          <p class="soft small">
            {first.effects && <Shown text={first.effects} />}
            {first.relations && (
              <>
                {' · '}
                <Shown text={first.relations} />
              </>
            )}
          </p>
        )}
      </div>
      {step.others.map((other, i) =>
        other.event === 'digest' ? (
          <p key={i} class="soft small">
            {plural(other.rows ?? 0, 'row')} recorded as a digest: <code class="digest"><Shown text={other.sha256} /></code>
          </p>
        ) : other.event === 'cut' ? (
          <p key={i} class="soft small">
            {other.rows ? plural(other.rows, 'row') : 'Rows'} that could not be recorded
          </p>
        ) : null,
      )}
    </>
  );
}

const names: Record<string, string> = {
  start: 'Came in',
  end: 'Left',
  context: 'Says why',
  cancel: 'Cancel',
  rejected: 'Turned away',
  gateway: 'The gateway',
  approval: 'Approval',
  sealed: 'Sealed: withheld from the client',
  notification: 'Notification',
  copy: 'COPY',
  prepare: 'Prepares',
  text: 'A text, seen for the first time',
  parameter: 'Setting reported',
  status: 'Transaction status',
  close: 'Closes',
  report: 'Message',
  damaged: 'Damaged entry',
};

function Fields({ of, hidden }: { of: Record<string, Text>; hidden: string[] }) {
  const rows = Object.entries(of).filter(([name, value]) => asText(value) !== '' && !hidden.includes(name));
  if (!rows.length) return null;
  return (
    <dl class="fields">
      {rows.map(([name, value]) => {
        const claim = name.startsWith('claim.');
        return (
          <div key={name} class={(name === 'claim.prompt' || asText(value).length > 80) ? 'field-long' : ''}>
            <dt>
              {claim ? (
                <Claimed>
                  <Shown text={name.slice(6)} />
                </Claimed>
              ) : (
                <Shown text={name.replaceAll('_', ' ')} />
              )}
            </dt>
            <dd>
              <Prose text={asText(value)} most={800} />
            </dd>
          </div>
        );
      })}
    </dl>
  );
}

function Other({ of }: { of: Happening }) {
  if (of.event === 'report') return <Report of={of} />;
  return (
    <>
      {of.fields &&
        (of.event === 'approval' ? (
          <details class="as-recorded">
            <summary>As it is recorded</summary>
            <Fields of={of.fields} hidden={['state']} />
          </details>
        ) : (
          <Fields of={of.fields} hidden={['what']} />
        ))}
      {of.sql != null && <Sql text={asText(of.sql)} lines={12} />}
      {of.event === 'notification' && (
        <p>
          <code><Shown text={asText(of.channel)} /></code> <Shown text={asText(of.payload)} />
        </p>
      )}
      {of.event === 'parameter' && (
        <p class="mono small">
          <Shown text={asText(of.name)} /> = <Shown text={asText(of.value)} />
        </p>
      )}
      {of.event === 'status' && <p class="small">{of.status === 'T' ? 'in a transaction' : of.status === 'E' ? 'in a failed transaction' : 'idle'}</p>}
      {of.event === 'close' && (
        <p class="small">
          <Shown text={of.kind} /> <Shown text={asText(of.name)} />
        </p>
      )}
      {of.event === 'damaged' && <p class="problem"><Shown text={asText(of.message)} /></p>}
    </>
  );
}

export function StepView({
  step,
  session,
  current,
  future,
  onAllRows,
  onPick,
}: {
  step: Step;
  session: string;
  current: boolean;
  future: boolean;
  version: number;
  onAllRows: (step: Step) => Promise<void>;
  onPick: (sequence: number) => void;
}) {
  const { first } = step;
  const statement = step.kind === 'statement';
  const what = step.kind === 'approval' ? (first.words ?? asText(first.fields?.['state'])) : asText(first.fields?.['what']);
  const approval = step.kind === 'approval' ? asText(first.fields?.['request']) : '';
  const link = `${location.origin}/sessions/${encodeURIComponent(session)}?at=${step.sequence}`;
  return (
    <li id={`s${step.sequence}`} class={`step step-${step.kind} ${step.verdict ? `step-is-${step.verdict}` : ''} ${current ? 'step-current' : ''} ${future ? 'step-future' : ''}`} tabIndex={-1} data-row aria-current={current ? 'step' : undefined} onClick={() => onPick(step.sequence)}>
      <div class="step-side">
        <span class="mono" title={first.time}>
          {offset(step.at)}
        </span>
        <span class="soft small">
          <Time at={first.time} day={false} />
        </span>
      </div>
      <div class="step-body">
        <header class="step-head">
          {statement ? (
            <>
              <Verdict name={first.decision ?? 'none'} />
              <Tags of={(first.tags ?? '').split(', ').filter(Boolean)} />
              {first.rule && (
                <span class="rule">
                  {first.policy && <Shown text={first.policy} />}
                  {first.policy && ' / '}
                  <b>
                    <Shown text={first.rule} />
                  </b>
                </span>
              )}
              {first.would && (
                <span class="tag">
                  would be <Shown text={first.would} />
                </span>
              )}
            </>
          ) : (
            <h2>
              {names[step.kind] ?? step.kind}
              {what && (
                <>
                  : <Shown text={what} />
                </>
              )}
            </h2>
          )}
          {step.verdict === 'error' && statement && <Verdict name="error" />}
          <span class="grow" />
          {approval && <a href={`/approvals/${encodeURIComponent(approval)}`}>the request</a>}
          {step.took > 0 && statement && <span class="soft small mono">{duration(step.took)}</span>}
          <Copy text={link} what="The link is">
            <span class="hidden">Copy the link to this step</span>
            <Glyph d="M6.6 9.4l2.8-2.8M7.4 4.8l1.2-1.2a2.6 2.6 0 0 1 3.7 3.7l-1.2 1.2M8.6 11.2l-1.2 1.2a2.6 2.6 0 0 1-3.7-3.7l1.2-1.2" />
          </Copy>
        </header>
        {statement ? <Statement step={step} onAllRows={onAllRows} /> : <Other of={first} />}
      </div>
    </li>
  );
}
