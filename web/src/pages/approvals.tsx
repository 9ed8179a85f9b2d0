// The inbox: what waits, what may be decided by this reader first; and what was decided.
import { usePages } from '../api';
import { clock, count } from '../format';
import { useLive } from '../live';
import { Claimed, Empty, Head, More, ProblemBox, State, Tags, Time, useNow, Waiting, Who } from '../parts';
import { setQuery, usePlace } from '../router';
import type { Approval } from '../shapes';
import { Shown, SqlLine } from '../shown';

const tabs = [
  ['', 'Waiting'],
  ['decided', 'Over'],
] as const;

export function Left({ approval }: { approval: Approval }) {
  const at = useNow(1000);
  const ms = Date.parse(approval.expires) - at;
  const whole = Math.max(1, Date.parse(approval.expires) - Date.parse(approval.created));
  if (ms <= 0) return <span class="left left-over">time is over</span>;
  return (
    <span class={ms < 120_000 ? 'left left-soon' : 'left'} role="timer" aria-live="off" title={`until ${approval.expires}`}>
      <svg viewBox="0 0 20 20" width="16" height="16" aria-hidden="true">
        <circle cx="10" cy="10" r="8" fill="none" stroke="currentColor" stroke-opacity=".25" stroke-width="3" />
        <circle cx="10" cy="10" r="8" fill="none" stroke="currentColor" stroke-width="3" pathLength="100" stroke-dasharray={`${Math.min(100, (ms / whole) * 100)} 100`} transform="rotate(-90 10 10)" />
      </svg>
      {clock(ms)}
    </span>
  );
}

function Row({ one }: { one: Approval }) {
  const why = one.claimed.task || one.claimed.prompt;
  return (
    <li class={`card inbox ${one.can_decide ? 'inbox-mine' : ''}`}>
      <a class="inbox-link" href={`/approvals/${encodeURIComponent(one.id)}`} data-row>
        <div class="inbox-top">
          <Who user={one.principal} machine={one.machine} onBehalfOf={one.on_behalf_of} />
          <span class="soft">on</span> <Shown text={one.connection} />
          <span class="grow" />
          {one.state === 'waiting' ? <Left approval={one} /> : <State name={one.state} />}
        </div>
        <SqlLine text={one.sql} />
        <div class="inbox-facts">
          <Tags of={one.tags} />
          {one.counted_rows != null && (
            <span class="fact-inline">
              <b>{count(one.counted_rows)}</b> {one.counted_rows === 1 ? 'row' : 'rows'}
            </span>
          )}
          {one.where === 'missing' && <span class="tag tag-bad">no WHERE</span>}
          {one.where === 'trivial' && <span class="tag tag-bad">WHERE is always true</span>}
          {one.approvals_needed > 1 && (
            <span class="fact-inline">
              {one.decisions.filter((d) => d.approve).length} of {one.approvals_needed} approvals
            </span>
          )}
          {why && (
            <Claimed>
              <Shown text={why} most={90} />
            </Claimed>
          )}
          <span class="grow" />
          <span class="soft">
            asked <Time at={one.created} near />
          </span>
        </div>
      </a>
    </li>
  );
}

export function ApprovalsPage() {
  const { query } = usePlace();
  const over = query.get('show') === 'over';
  useNow(30_000);
  const list = usePages<Approval>('/v1/approvals', over ? {} : { state: 'waiting' });
  useLive('approval', (one) => {
    list.change((items) => {
      const others = items.filter((other) => other.id !== one.id);
      return one.state === 'waiting' ? (items.length === others.length ? [...others, one] : items.map((other) => (other.id === one.id ? one : other))) : over ? [one, ...others] : others;
    });
  });
  useLive('lost', list.reload);
  const items = list.items?.filter((one) => (one.state === 'waiting') !== over);
  const mine = items?.filter((one) => one.can_decide) ?? [];
  const others = items?.filter((one) => !one.can_decide) ?? [];
  return (
    <>
      <Head title="Approvals" lead="Statements that a policy holds until a person has looked at them.">
        <div class="tabs" role="group" aria-label="Which">
          {tabs.map(([key, name]) => (
            <button key={key} type="button" aria-pressed={over === (key !== '')} onClick={() => setQuery({ show: key ? 'over' : undefined })}>
              {name}
            </button>
          ))}
        </div>
      </Head>
      {list.problem && <ProblemBox problem={list.problem} retry={list.reload} />}
      {!items && !list.problem && <Waiting what="Reading" />}
      {items && !over && (
        <>
          {mine.length > 0 && (
            <section aria-label="Waiting for you">
              <h2 class="section">Waiting for you</h2>
              <ul class="cards">{mine.map((one) => <Row key={one.id} one={one} />)}</ul>
            </section>
          )}
          {others.length > 0 && (
            <section aria-label="Waiting for others">
              <h2 class="section">{mine.length ? 'Waiting for others' : 'Waiting, for others to decide'}</h2>
              <ul class="cards">{others.map((one) => <Row key={one.id} one={one} />)}</ul>
            </section>
          )}
          {!items.length && (
            <Empty title="Nothing waits">
              <p>
                A statement comes here when a policy’s <code>hold</code> matches it, or when it would change more rows than <code>limits.affected_rows</code> lets pass unseen. This page shows it
                at once; keep it open, or have yourself told by <code>notify</code>.
              </p>
              <p>
                <a href="?show=over">What was decided</a>
              </p>
            </Empty>
          )}
        </>
      )}
      {items && over && (items.length ? <ul class="cards">{items.map((one) => <Row key={one.id} one={one} />)}</ul> : <Empty title="Nothing was decided yet" />)}
      {items && <More more={list.more} loading={list.loading && items.length > 0} />}
    </>
  );
}
