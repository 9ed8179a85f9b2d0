// Keyboard shortcuts: single letters, off while something is written, and off altogether for who wants that.
import { useEffect, useRef } from 'preact/hooks';
import { Dialog } from './parts';
import { go } from './router';
import { useStore, wish } from './store';

export const shortcuts = wish('shortcuts', ['on', 'off'] as const);
type Bound = Record<string, () => void>;
const layers: { current: Bound }[] = [];

/** Binds keys while the component is there; the newest wins. Names are those of KeyboardEvent.key. */
export function useKeys(bound: Bound) {
  const layer = useRef(bound);
  layer.current = bound;
  useEffect(() => {
    layers.push(layer);
    return () => void layers.splice(layers.indexOf(layer), 1);
  }, []);
}

/** Moves the focus to the next or the last of what a list is made of. */
export function step(by: 1 | -1) {
  const rows = [...document.querySelectorAll<HTMLElement>('main [data-row]')];
  const at = rows.findIndex((row) => row.contains(document.activeElement));
  const next = rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + by))];
  next?.focus();
  next?.scrollIntoView({ block: 'nearest' });
}

export const places: Record<string, [string, string]> = {
  a: ['/approvals', 'Approvals'],
  s: ['/sessions', 'Sessions'],
  f: ['/statements', 'Search'],
  p: ['/policy', 'Policy'],
  o: ['/overview', 'Overview'],
  c: ['/connections', 'Connections'],
  w: ['/who-saw', 'Who saw'],
};

export function listenToKeys(onHelp: () => void): () => void {
  let led = 0; /* when g was pressed */
  const onKey = (event: KeyboardEvent) => {
    if (shortcuts.get() === 'off' || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.target as HTMLElement;
    if (target.closest('input, textarea, select, [contenteditable], dialog')) {
      if (event.key === 'Escape' && !target.closest('dialog')) target.blur();
      return;
    }
    // Space and Enter press what has the focus.
    if ((event.key === ' ' || event.key === 'Enter') && target.closest('button, a, summary, [role=button]')) return;
    let bound: (() => void) | undefined;
    if (performance.now() - led < 1500 && places[event.key]) bound = () => go(places[event.key]![0]);
    else bound = [...layers].reverse().find((layer) => layer.current[event.key])?.current[event.key];
    led = 0;
    if (!bound) {
      if (event.key === 'g') led = performance.now();
      else if (event.key === 'j') bound = () => step(1);
      else if (event.key === 'k') bound = () => step(-1);
      else if (event.key === '?') bound = onHelp;
      else if (event.key === '/') bound = () => document.querySelector<HTMLInputElement>('main input[type=search]')?.focus();
    }
    if (!bound) return;
    event.preventDefault();
    bound();
  };
  addEventListener('keydown', onKey);
  return () => removeEventListener('keydown', onKey);
}

const help: [string, [string, string][]][] = [
  ['Go to', Object.entries(places).map(([key, [, name]]) => [`g ${key}`, name])],
  ['In lists', [['j', 'next'], ['k', 'one before'], ['Enter', 'open'], ['/', 'search, filter']]],
  ['In a session', [['j', 'next step'], ['k', 'one before'], ['Space', 'play or pause'], ['.', 'faster'], [',', 'slower'], ['/', 'search within'], ['n', 'next that matches'], ['N', 'one before that matches']]],
  ['Anywhere', [['?', 'this'], ['Esc', 'leave a field']]],
];

export function KeysHelp({ onClose }: { onClose: () => void }) {
  const on = useStore(shortcuts) === 'on';
  return (
    <Dialog title="Keyboard" onClose={onClose}>
      <label class="check">
        <input type="checkbox" checked={on} onChange={(event) => shortcuts.set(event.currentTarget.checked ? 'on' : 'off')} />
        Shortcuts of single letters
      </label>
      <div class="keys">
        {help.map(([title, rows]) => (
          <section key={title}>
            <h3>{title}</h3>
            <dl>
              {rows.map(([key, what]) => (
                <div key={key}>
                  <dt>
                    {key.split(' ').map((one, i) => (
                      <kbd key={i}>{one}</kbd>
                    ))}
                  </dt>
                  <dd>{what}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
