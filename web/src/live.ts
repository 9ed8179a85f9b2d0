// What happens now: one stream of server-sent events for the whole page, and one more for a session that is looked at.
import { useEffect, useRef } from 'preact/hooks';
import type { Approval, Event, Session } from './shapes';
import { store } from './store';

interface Happenings {
  session: Session;
  approval: Approval;
  entry: Event;
  /** Something may have been missed: read again. A stream says so as soon as it is up, since what was read before may be from before. */
  lost: object;
}
type Kind = keyof Happenings;
type Hearer = (what: never) => void;

export const connected = store<'off' | 'on' | 'lost'>('off');

class Stream {
  #source: EventSource | undefined;
  readonly #hearers = new Map<Kind, Set<Hearer>>();
  constructor(
    readonly path: string,
    readonly state?: typeof connected,
  ) {}

  #open() {
    const source = new EventSource(this.path);
    this.#source = source;
    source.onerror = () => {
      this.state?.set('lost');
      // The browser gives up where the answer was no stream (signed out, restarting): try again later.
      if (source.readyState === EventSource.CLOSED && this.#source === source) {
        this.#source = undefined;
        setTimeout(() => {
          if (!this.#source && this.#hearers.size) this.#open();
        }, 5000);
      }
    };
    // What comes from now on is told; what came before was not.
    source.addEventListener('hello', () => {
      this.state?.set('on');
      this.#tell('lost', {});
    });
    for (const kind of ['session', 'approval', 'entry', 'lost'] as const)
      source.addEventListener(kind, (message) => {
        try {
          this.#tell(kind, JSON.parse((message as MessageEvent<string>).data || '{}'));
        } catch {
          this.#tell('lost', {});
        }
      });
  }

  #tell(kind: Kind, what: unknown) {
    for (const hearer of [...(this.#hearers.get(kind) ?? [])]) hearer(what as never);
  }

  hear<K extends Kind>(kind: K, hearer: (what: Happenings[K]) => void): () => void {
    const hearers = this.#hearers.get(kind) ?? new Set();
    hearers.add(hearer as Hearer);
    this.#hearers.set(kind, hearers);
    if (!this.#source) this.#open();
    return () => {
      hearers.delete(hearer as Hearer);
      if (!hearers.size) this.#hearers.delete(kind);
      if (this.#hearers.size) return;
      this.#source?.close();
      this.#source = undefined;
      this.state?.set('off');
    };
  }
}

const all = new Stream('/v1/events', connected);

/** Calls back for each happening of a kind, for as long as the component is there. */
export function useLive<K extends Kind>(kind: K, hearer: (what: Happenings[K]) => void) {
  const latest = useRef(hearer);
  latest.current = hearer;
  useEffect(() => all.hear(kind, (what) => latest.current(what)), [kind]);
}

/** The entries of one session as they come; `open` false: none. onGap: some before the next may have been missed, as
 *  always when the stream is up anew. */
export function useSessionLive(id: string, open: boolean, onEntry: (entry: Event) => void, onGap: () => void) {
  const latest = useRef({ onEntry, onGap });
  latest.current = { onEntry, onGap };
  useEffect(() => {
    if (!open) return;
    const stream = new Stream(`/v1/events?session=${encodeURIComponent(id)}`);
    const ends = [
      stream.hear('entry', (entry) => {
        if (entry.session === id) latest.current.onEntry(entry);
      }),
      stream.hear('lost', () => latest.current.onGap()),
    ];
    return () => ends.forEach((end) => end());
  }, [id, open]);
}
