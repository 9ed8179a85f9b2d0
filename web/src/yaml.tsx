// Colours for YAML: enough for policies.
import { reveal } from './reveal';

const line = /^(\s*(?:- )*)("?[\w.\- ]+"?:)?(\s*)(.*?)(\s+#.*|^#.*)?$/;

function words(text: string) {
  return reveal(text).map((piece, i) =>
    typeof piece === 'string' ? (
      piece
    ) : (
      <mark key={i} class={`odd odd-${piece.kind}`} title={piece.says}>
        {piece.label}
      </mark>
    ),
  );
}

export function Yaml({ text, label }: { text: string; label: string }) {
  return (
    <pre class="sql yaml" dir="ltr" tabIndex={0} aria-label={label}>
      <code>
        {text.trimEnd().split('\n').map((one, i) => {
          const found = line.exec(one);
          if (!found || /^\s*#/.test(one))
            return (
              <span key={i} class="yaml-line">
                <span class={/^\s*#/.test(one) ? 'sql-comment' : ''}>{words(one)}</span>
                {'\n'}
              </span>
            );
          const [, indent, key, gap, value, comment] = found;
          const verdict = /^"?(allow|deny|hold)"?:$/.exec(key ?? '');
          return (
            <span key={i} class="yaml-line">
              {indent}
              {key && <span class={`sql-key ${verdict ? `yaml-${verdict[1]}` : ''}`}>{words(key)}</span>}
              {gap}
              <span class={/^["'|>]/.test(value ?? '') ? 'sql-string' : ''}>{words(value ?? '')}</span>
              {comment && <span class="sql-comment">{words(comment)}</span>}
              {'\n'}
            </span>
          );
        })}
      </code>
    </pre>
  );
}
