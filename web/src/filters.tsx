// Filters of a list. They live in the address, so that a filtered list can be shared and gone back to.
import { useEffect, useState } from 'preact/hooks';
import { parts, zone } from './format';
import { Glyph } from './parts';
import { setQuery, usePlace } from './router';
import { useStore } from './store';

export interface Field {
  name: string;
  label: string;
  kind?: 'text' | 'search' | 'time' | Partial<Record<string, string>>;
  hint?: string;
}

function TextField({ field, value }: { field: Field; value: string }) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  const done = (next: string) => {
    if (next !== value) setQuery({ [field.name]: next.trim() || undefined });
  };
  const rest = {
    value: text,
    placeholder: field.hint,
    autoComplete: 'off',
    spellcheck: false,
    onInput: (event: { currentTarget: HTMLInputElement }) => setText(event.currentTarget.value),
    onChange: (event: { currentTarget: HTMLInputElement }) => done(event.currentTarget.value),
  };
  return field.kind === 'search' ? <input type="search" {...rest} /> : <input type="text" {...rest} />;
}

/** A time of the query (UTC) in a field of the browser (local, or UTC where that is wished for). */
function TimeField({ field, value }: { field: Field; value: string }) {
  const utc = useStore(zone) === 'utc';
  const date = value ? new Date(value) : undefined;
  const shift = (ms: number, at: Date) => new Date(ms - (utc ? 0 : at.getTimezoneOffset() * 60_000));
  const shown = date && parts(value, utc) ? shift(date.getTime(), date).toISOString().slice(0, 16) : '';
  return (
    <input
      type="datetime-local"
      value={shown}
      onChange={(event) => {
        const text = event.currentTarget.value;
        const at = text ? new Date(utc ? `${text}Z` : text) : undefined;
        setQuery({ [field.name]: at && !Number.isNaN(at.getTime()) ? at.toISOString() : undefined });
      }}
    />
  );
}

export function Filters({ fields, label }: { fields: Field[]; label: string }) {
  const { query } = usePlace();
  const [open, setOpen] = useState(false);
  const used = fields.filter((field) => query.get(field.name));
  const first = fields[0]?.kind === 'search' ? fields[0] : undefined;
  const control = (field: Field) => {
    const value = query.get(field.name) ?? '';
    if (typeof field.kind === 'object')
      return (
        <select value={value} onChange={(event) => setQuery({ [field.name]: event.currentTarget.value || undefined })}>
          {Object.entries(field.kind).map(([key, name]) => (
            <option key={key} value={key}>
              {name}
            </option>
          ))}
        </select>
      );
    return field.kind === 'time' ? <TimeField field={field} value={value} /> : <TextField field={field} value={value} />;
  };
  return (
    <form class={`filters ${open ? 'filters-open' : ''}`} role="search" aria-label={label} onSubmit={(event) => event.preventDefault()}>
      {first && (
        <label class="filter-first">
          <span class="hidden">{first.label}</span>
          <Glyph d="M7 11.4a4.4 4.4 0 1 0 0-8.8 4.4 4.4 0 0 0 0 8.8zM10.3 10.3L13.6 13.6" />
          {control(first)}
        </label>
      )}
      <button type="button" class="filters-toggle" aria-expanded={open} onClick={() => setOpen(!open)}>
        Filters{used.length ? ` (${used.length})` : ''}
      </button>
      <div class="filters-rest">
        {fields.slice(first ? 1 : 0).map((field) => (
          <label key={field.name}>
            <span>{field.label}</span>
            {control(field)}
          </label>
        ))}
        {used.length > 0 && (
          <button type="button" class="quiet" onClick={() => setQuery(Object.fromEntries(fields.map((field) => [field.name, undefined])))}>
            Clear
          </button>
        )}
      </div>
    </form>
  );
}
