// Plots: small, own, and each with its numbers in words for who cannot see it.
import { useMemo, useState } from 'preact/hooks';
import { count, parts, short, zone } from './format';
import type { Overview, OverviewCount } from './shapes';
import { Shown } from './shown';
import { useStore } from './store';

const series = [
  ['passed', 'ran'],
  ['errors', 'failed'],
  ['held', 'held'],
  ['refused', 'refused'],
] as const;
type Column = { time: number; passed: number; errors: number; held: number; refused: number; statements: number; rows: number };

/** Every bucket of the span, those in which nothing happened as well. */
function columnsOf(overview: Overview): Column[] {
  const from = Date.parse(overview.since);
  const step = Math.max(1, overview.bucket_s) * 1000;
  const n = Math.min(2000, Math.max(1, Math.round((Date.parse(overview.until) - from) / step)));
  const columns = Array.from({ length: n }, (_, i) => ({ time: from + i * step, passed: 0, errors: 0, held: 0, refused: 0, statements: 0, rows: 0 }));
  for (const bucket of overview.buckets) {
    const column = columns[Math.min(n - 1, Math.max(0, Math.floor((Date.parse(bucket.time) - from) / step)))]!;
    column.statements += bucket.statements;
    column.refused += bucket.refused;
    column.held += bucket.held;
    column.errors += bucket.errors;
    column.rows += bucket.rows;
    column.passed += Math.max(0, bucket.statements - bucket.refused - bucket.held - bucket.errors);
  }
  return columns;
}

/** A round number at or above n, for the top of an axis. */
function roof(n: number): number {
  const size = 10 ** Math.floor(Math.log10(Math.max(1, n)));
  return [1, 2, 5, 10].map((k) => k * size).find((k) => k >= n) ?? n;
}

export function TimePlot({ overview, onPick }: { overview: Overview; onPick: (from: string, until: string) => void }) {
  const utc = useStore(zone) === 'utc';
  const columns = useMemo(() => columnsOf(overview), [overview]);
  const [at, setAt] = useState<number>();
  const top = roof(Math.max(1, ...columns.map((column) => column.statements)));
  const trouble = roof(Math.max(1, ...columns.map((column) => column.errors + column.held + column.refused)));
  const n = columns.length;
  const wide = columns.at(-1)!.time - columns[0]!.time > 36 * 3600_000;
  const name = (time: number) => {
    const here = parts(time, utc)!;
    return wide ? here.day : here.time.slice(0, 5);
  };
  const ticks = useMemo(() => {
    const every = Math.max(1, Math.ceil(n / 8));
    return columns.map((column, i) => ({ i, column })).filter(({ i }) => i % every === 0);
  }, [columns]);
  const shown = at === undefined ? undefined : columns[at];
  const find = (event: MouseEvent) => {
    const box = (event.currentTarget as Element).getBoundingClientRect();
    return Math.min(n - 1, Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * n)));
  };
  const span = (i: number): [string, string] => [new Date(columns[i]!.time).toISOString(), new Date(columns[i]!.time + overview.bucket_s * 1000).toISOString()];
  // Two plots on one time axis, so that a handful of refusals is not lost under thousands of statements.
  const chart = (height: number, roofAt: number, parts: readonly (typeof series)[number][0][], label: string) => (
    <div class="chart">
      <span class="chart-roof soft mono">{short(roofAt)}</span>
      <svg viewBox={`0 0 ${n} ${height}`} preserveAspectRatio="none" width="100%" height={height} role="img" aria-label={label} onMouseMove={(event) => setAt(find(event))} onMouseLeave={() => setAt(undefined)} onClick={(event) => onPick(...span(find(event)))}>
        <line x1="0" x2={n} y1="0.5" y2="0.5" class="chart-line" vector-effect="non-scaling-stroke" />
        {columns.map((column, i) => {
          let y = height;
          return (
            <g key={i} class={i === at ? 'bar bar-at' : 'bar'}>
              {i === at && <rect x={i} y="0" width="1" height={height} class="bar-back" />}
              {parts.map((part) => {
                const tall = (column[part] / roofAt) * (height - 4);
                if (!tall) return null;
                const drawn = Math.max(tall, 2);
                y -= drawn;
                return <rect key={part} x={i + 0.12} y={y} width="0.76" height={drawn} class={`bar-${part}`} />;
              })}
            </g>
          );
        })}
        <line x1="0" x2={n} y1={height - 0.5} y2={height - 0.5} class="chart-axis" vector-effect="non-scaling-stroke" />
      </svg>
    </div>
  );
  const totals = columns.reduce((sum, column) => ({ statements: sum.statements + column.statements, refused: sum.refused + column.refused, held: sum.held + column.held, errors: sum.errors + column.errors }), { statements: 0, refused: 0, held: 0, errors: 0 });
  return (
    <figure class="plot">
      <figcaption>
        <span class="legend">
          {series.map(([key, word]) => (
            <span key={key}>
              <i class={`legend-${key}`} />
              {word}
            </span>
          ))}
        </span>
        <span class="plot-at mono small">
          {shown ? `${parts(shown.time, utc)!.day} ${parts(shown.time, utc)!.time.slice(0, 5)}: ${count(shown.passed)} ran, ${count(shown.errors)} failed, ${count(shown.held)} held, ${count(shown.refused)} refused` : ' '}
        </span>
      </figcaption>
      {chart(120, top, ['passed', 'errors', 'held', 'refused'], `${count(totals.statements)} statements over time`)}
      {chart(52, trouble, ['errors', 'held', 'refused'], `${count(totals.refused)} refused, ${count(totals.held)} held, ${count(totals.errors)} failed, over time`)}
      <div class="ticks soft mono" aria-hidden="true">
        {ticks.map(({ i, column }) => (
          <span key={i} style={{ left: `${(i / n) * 100}%` }}>
            {name(column.time)}
          </span>
        ))}
      </div>
      <details class="plot-table">
        <summary>As a table</summary>
        <table class="list" aria-label="The plot’s numbers">
          <thead>
            <tr>
              <th scope="col">From</th>
              <th scope="col" class="number">Statements</th>
              <th scope="col" class="number">Failed</th>
              <th scope="col" class="number">Held</th>
              <th scope="col" class="number">Refused</th>
              <th scope="col" class="number">Rows</th>
            </tr>
          </thead>
          <tbody>
            {columns
              .filter((column) => column.statements)
              .map((column) => (
                <tr key={column.time}>
                  <td>{`${parts(column.time, utc)!.day} ${parts(column.time, utc)!.time.slice(0, 5)}`}</td>
                  <td class="number">{count(column.statements)}</td>
                  <td class="number">{count(column.errors)}</td>
                  <td class="number">{count(column.held)}</td>
                  <td class="number">{count(column.refused)}</td>
                  <td class="number">{count(column.rows)}</td>
                </tr>
              ))}
          </tbody>
        </table>
      </details>
    </figure>
  );
}

/** Names with bars: what ran, and how much of it was refused. */
export function Bars({ of, link, what }: { of: OverviewCount[]; link: (name: string) => string; what: string }) {
  const most = Math.max(1, ...of.map((one) => one.statements));
  return (
    <table class="bars">
      <caption class="hidden">{what}</caption>
      <thead class="hidden">
        <tr>
          <th scope="col">Name</th>
          <th scope="col">Statements</th>
          <th scope="col">Refused or held</th>
        </tr>
      </thead>
      <tbody>
        {of.map((one) => (
          <tr key={one.name}>
            <th scope="row">
              <a href={link(one.name)} data-row>
                <Shown text={one.name} />
              </a>
            </th>
            <td>
              <svg width="100%" height="14" aria-hidden="true">
                <rect x="0" y="3" height="8" rx="2" width={`${Math.max(0.5, (one.statements / most) * 100)}%`} class="bar-passed" />
                {one.refused > 0 && <rect x="0" y="3" height="8" rx="2" width={`${Math.max(0.8, (one.refused / most) * 100)}%`} class="bar-refused" />}
              </svg>
            </td>
            <td class="number mono">
              {short(one.statements)}
              {one.refused > 0 && <span class="bad"> {short(one.refused)} refused</span>}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
