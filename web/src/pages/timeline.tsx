// A session drawn as a line of its steps, with a slider beneath that any keyboard can move.
import { useMemo } from 'preact/hooks';
import { duration, offset } from '../format';
import { verdictWord } from '../parts';
import { flat } from '../reveal';
import { timeline, type Step } from '../transcript';

export function TimeLine({ steps, index, hits, onPick }: { steps: Step[]; index: number; hits: Step[]; onPick: (step: Step) => void }) {
  const places = useMemo(() => timeline(steps), [steps]);
  const found = useMemo(() => new Set(hits.map((step) => step.sequence)), [hits]);
  const here = steps[index];
  const percent = (part: number) => `${(1 + part * 97).toFixed(3)}%`;
  const pick = (event: MouseEvent) => {
    const box = (event.currentTarget as Element).getBoundingClientRect();
    const at = ((event.clientX - box.left) / box.width - 0.01) / 0.97;
    let best = 0;
    for (let i = 0; i < places.length; i++) if (places[i]!.from <= at + 0.002) best = i;
    if (steps[best]) onPick(steps[best]!);
  };
  return (
    <div class="timeline">
      <svg width="100%" height="46" aria-hidden="true" onClick={pick}>
        <line x1="1%" x2="99%" y1="32" y2="32" class="timeline-axis" />
        {places.map((one, i) => {
          const step = steps[i]!;
          const tall = step.kind === 'statement' ? (step.verdict === 'allow' ? 14 : 22) : 8;
          return (
            <rect
              key={step.sequence}
              x={percent(one.from)}
              style={{ width: `max(3px, ${(one.width * 97).toFixed(3)}%)` }}
              y={32 - tall}
              height={tall}
              rx="1"
              class={`mark mark-${step.kind === 'statement' ? step.verdict || 'none' : step.kind === 'approval' ? 'hold' : step.verdict || 'none'} ${found.has(step.sequence) ? 'mark-found' : ''}`}
            />
          );
        })}
        {here && (
          <g class="playhead">
            <line x1={percent(places[index]!.from)} x2={percent(places[index]!.from)} y1="4" y2="40" />
          </g>
        )}
      </svg>
      <input
        type="range"
        min={0}
        max={Math.max(0, steps.length - 1)}
        value={index}
        aria-label="Step"
        aria-valuetext={here ? `${index + 1} of ${steps.length}, ${offset(here.at)}, ${flat(here.first.tags ?? here.kind)} ${here.verdict ? verdictWord(here.verdict) : ''}` : ''}
        onInput={(event) => onPick(steps[Number(event.currentTarget.value)]!)}
      />
      <div class="timeline-ends soft small mono">
        <span>{here ? offset(here.at) : ''}</span>
        <span>{steps.length > 1 ? `${duration(steps.at(-1)!.at - steps[0]!.at)} in all` : ''}</span>
      </div>
    </div>
  );
}
