/** Finds the route of a request. */
import { fail, ok, type Result } from '../../crypto/result.ts';
import { RequestForm, type Route } from './route.ts';

/** A route with what the target says. */
export interface Found {
  readonly route: Route;
  readonly form: RequestForm;
  readonly path: ReadonlyMap<string, string>;
  readonly query: URLSearchParams;
}

interface Row {
  readonly route: Route;
  readonly form: RequestForm;
  readonly parts: readonly string[];
}

function partIn(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}

/** The values of a path's parameters, where it fits. */
function match(parts: readonly string[], given: readonly string[]): ReadonlyMap<string, string> | undefined {
  if (parts.length !== given.length) return undefined;
  const values = new Map<string, string>();
  for (const [index, part] of parts.entries()) {
    const value = partIn(given[index] ?? '');
    if (value === undefined || value === '') return undefined;
    const name = /^\{(\w+)\}$/.exec(part)?.[1];
    if (name !== undefined) values.set(name, value);
    else if (part !== value) return undefined;
  }
  return values;
}

/** The routes, found by method and target. */
export class RouteTable {
  readonly #rows: readonly Row[];

  constructor(routes: readonly Route[]) {
    this.#rows = routes.map((route) => ({ route, form: new RequestForm(route), parts: route.path.slice(1).split('/') }));
  }

  /** The route of a request. Fails with `ROUTE_UNKNOWN`, or `METHOD_REFUSED` whose fix lists the methods. */
  find(method: string, target: string): Result<Found> {
    const [path = '', ...rest] = target.split('?');
    const given = path.slice(1).split('/');
    const fitting = path.startsWith('/') ? this.#rows.flatMap((row) => {
      const values = match(row.parts, given);
      return values === undefined ? [] : [{ row, values }];
    }) : [];
    const found = fitting.find(({ row }) => row.route.method === method);
    if (found !== undefined) return ok({ route: found.row.route, form: found.row.form, path: found.values, query: new URLSearchParams(rest.join('?')) });
    if (fitting.length > 0) return fail('METHOD_REFUSED', 'this target has no such method', { fix: fitting.map(({ row }) => row.route.method).join(', ') });
    return fail('ROUTE_UNKNOWN', 'nothing is served here', { fix: 'GET /v1/openapi.json lists everything' });
  }
}
