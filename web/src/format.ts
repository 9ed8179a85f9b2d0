// Numbers, times and durations as people read them.
import { wish } from './store';

export const zone = wish('zone', ['local', 'utc'] as const);
const many = new Intl.NumberFormat('en');
export const count = (n: number) => many.format(n);

export function plural(n: number, one: string, more = `${one}s`) {
  return `${count(n)} ${n === 1 ? one : more}`;
}

/** Numbers for narrow places: 1.2k, 3.4M. */
export function short(n: number) {
  if (n < 10_000) return count(n);
  for (const [size, letter] of [[1e9, 'G'], [1e6, 'M'], [1e3, 'k']] as const)
    if (n >= size) return `${(n / size).toFixed(n / size < 100 ? 1 : 0)}${letter}`;
  return count(n);
}

export function duration(us: number): string {
  if (us < 1000) return `${Math.round(us)} µs`;
  if (us < 1e6) return `${(us / 1e3).toFixed(us < 1e4 ? 1 : 0)} ms`;
  if (us < 60e6) return `${(us / 1e6).toFixed(us < 1e7 ? 2 : 1)} s`;
  const s = Math.round(us / 1e6);
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

const two = (n: number) => String(n).padStart(2, '0');

/** +00:03.214, from a session's beginning. */
export function offset(us: number): string {
  const ms = Math.floor(us / 1000);
  const s = Math.floor(ms / 1000);
  const tail = `${two(s % 60)}.${String(ms % 1000).padStart(3, '0')}`;
  const h = Math.floor(s / 3600);
  return h ? `+${h}:${two(Math.floor(s / 60) % 60)}:${tail}` : `+${two(Math.floor(s / 60))}:${tail}`;
}

/** 14:59 until something; with hours and days where there are some. */
export function clock(ms: number): string {
  const s = Math.max(0, Math.ceil(ms / 1000));
  if (s >= 86400) return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
  const tail = `${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
  return s >= 3600 ? `${Math.floor(s / 3600)}:${tail}` : tail;
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

export interface Parts {
  day: string;
  time: string;
  year: number;
  zone: string;
}

export function parts(time: string | number, inUtc: boolean): Parts | undefined {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return undefined;
  const shifted = inUtc ? date : new Date(date.getTime() - date.getTimezoneOffset() * 60_000);
  const [day, clockTime] = shifted.toISOString().split('T') as [string, string];
  const [year, month, number] = day.split('-') as [string, string, string];
  const minutes = -date.getTimezoneOffset();
  const sign = minutes < 0 ? '−' : '+';
  const name = inUtc || !minutes ? 'UTC' : `UTC${sign}${two(Math.floor(Math.abs(minutes) / 60))}:${two(Math.abs(minutes) % 60)}`;
  return { day: `${Number(number)} ${months[Number(month) - 1]}`, time: clockTime.slice(0, 8), year: Number(year), zone: name };
}

/** "3 min ago", "in 12 s"; only for what is near. */
export function ago(time: string, at: number): string {
  const s = Math.round((at - Date.parse(time)) / 1000);
  const size = Math.abs(s);
  const words =
    size < 60 ? `${size} s` : size < 3600 ? `${Math.floor(size / 60)} min` : size < 86400 ? `${Math.floor(size / 3600)} h` : `${Math.floor(size / 86400)} d`;
  if (size < 2) return 'just now';
  return s < 0 ? `in ${words}` : `${words} ago`;
}
