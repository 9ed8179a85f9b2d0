// Connections that never became sessions.
import { usePages } from '../api';
import { Filters } from '../filters';
import { Empty, Head, More, ProblemBox, Time, Waiting } from '../parts';
import { usePlace } from '../router';
import type { Rejection } from '../shapes';
import { Shown } from '../shown';

export function TurnedAwayPage() {
  const { query } = usePlace();
  const list = usePages<Rejection>('/v1/rejections', { since: query.get('since'), until: query.get('until') });
  return (
    <>
      <Head title="Turned away" lead="Connections that were refused before they were sessions: bad tokens, unknown names, no policy that lets them in." />
      <Filters
        label="Connections that were turned away"
        fields={[
          { name: 'since', label: 'From', kind: 'time' },
          { name: 'until', label: 'Until', kind: 'time' },
        ]}
      />
      {list.problem && <ProblemBox problem={list.problem} retry={list.reload} />}
      {!list.items && !list.problem && <Waiting what="Reading" />}
      {list.items &&
        (list.items.length ? (
          <table class="list">
            <caption class="hidden">Connections that were turned away, newest first</caption>
            <thead>
              <tr>
                <th scope="col">When</th>
                <th scope="col">Why</th>
                <th scope="col">The client got</th>
                <th scope="col">Who</th>
                <th scope="col">From</th>
              </tr>
            </thead>
            <tbody>
              {list.items.map((one, i) => (
                <tr key={i} data-row tabIndex={-1}>
                  <td data-name="When">
                    <Time at={one.time} />
                  </td>
                  <td data-name="Why">
                    <Shown text={one.reason} />
                  </td>
                  <td data-name="The client got">
                    <code>
                      <Shown text={one.sqlstate} />
                    </code>
                  </td>
                  <td data-name="Who">{one.principal ? <Shown text={one.principal} /> : <span class="soft">not known</span>}</td>
                  <td data-name="From">
                    <Shown text={one.client} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        ) : (
          <Empty title="Nobody was turned away">
            <p>Connections that fail at the door would be listed here, with what was wrong.</p>
          </Empty>
        ))}
      {list.items && <More more={list.more} loading={list.loading && list.items.length > 0} />}
    </>
  );
}
