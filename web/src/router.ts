// Where the reader is: the path and its query, both of which can be shared as a link.
import { store, useStore } from './store';

export interface Place {
  path: string;
  query: URLSearchParams;
}

const read = (): Place => ({ path: location.pathname, query: new URLSearchParams(location.search) });
export const place = store<Place>(read());
export const usePlace = () => useStore(place);

/** Goes to a path of this site. Replacing leaves no step to go back to. */
export function go(to: string, replace = false) {
  if (replace) history.replaceState(null, '', to);
  else history.pushState(null, '', to);
  const before = place.get().path;
  place.set(read());
  if (!replace && before !== location.pathname) scrollTo(0, 0);
}

/** Changes some words of the query and leaves the others; empty ones are taken away. */
export function setQuery(changes: Record<string, string | undefined>) {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes))
    if (value) query.set(name, value);
    else query.delete(name);
  const text = query.toString();
  go(text ? `${location.pathname}?${text}` : location.pathname, true);
}

/** Links within the pages are followed without asking the server for the page again. */
export function listen() {
  addEventListener('popstate', () => place.set(read()));
  addEventListener('click', (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = (event.target as Element | null)?.closest?.('a');
    if (!link || link.target || link.hasAttribute('download') || link.origin !== location.origin) return;
    if (link.pathname.startsWith('/auth/') || link.pathname.startsWith('/v1/')) return;
    if (link.hash && link.pathname === location.pathname && link.search === location.search) return;
    event.preventDefault();
    go(link.pathname + link.search + link.hash);
  });
}
