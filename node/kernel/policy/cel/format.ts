/** `'%s is %d'.format([a, b])` of CEL's strings extension. */
import type { StepBudget } from '../budget.ts';
import { Fault } from '../values.ts';
import { toText } from './conversions.ts';
import { entriesOf, isCelList, isCelMap, noOverload, TypeValue, Uint, type CelValue } from './values.ts';

const clause_pattern = /%(?:%|(?:\.(\d{1,3}))?([a-zA-Z])?)/g;
const precision_max = 100;
const nesting_max = 32;

/** Fills in a pattern. A fault for a clause that nobody knows, a value of the wrong type, or too few values. */
export function formatted(pattern: string, values: readonly CelValue[], budget: StepBudget): string | Fault {
  let next = 0;
  let end = 0;
  let text = '';
  for (const found of pattern.matchAll(clause_pattern)) {
    text += pattern.slice(end, found.index);
    end = found.index + found[0].length;
    if (found[0] === '%%') {
      text += '%';
      continue;
    }
    const value = values[next];
    if (value === undefined) return new Fault(`format has no value for clause ${next + 1}`);
    next += 1;
    const part = clauseOf(found[2] ?? '', found[1] === undefined ? undefined : Number(found[1]), value, budget);
    if (part instanceof Fault) return part;
    const cost = budget.chargeText(text.length + part.length);
    if (cost !== undefined) return cost;
    text += part;
  }
  return text + pattern.slice(end);
}

function clauseOf(clause: string, precision: number | undefined, value: CelValue, budget: StepBudget): string | Fault {
  if (precision !== undefined && (precision > precision_max || !/[ef]/.test(clause))) return new Fault(`format does not know %.${precision}${clause}`);
  switch (clause) {
    case 's':
      return printed(value, budget, 0);
    case 'd':
      return isNumber(value) ? printed(value, budget, 0) : noOverload('%d', value);
    case 'f':
      return numeral(clause, value, (number) => fixed(number, precision ?? 6));
    case 'e':
      return numeral(clause, value, (number) => number.toExponential(precision ?? 6).replace(/e([+-])(\d)$/, 'e$10$2'));
    case 'b':
      return typeof value === 'boolean' ? String(Number(value)) : whole(clause, value, 2);
    case 'o':
      return whole(clause, value, 8);
    case 'x':
    case 'X': {
      const bytes = typeof value === 'string' ? Buffer.from(value) : value instanceof Uint8Array ? Buffer.from(value) : undefined;
      const text = bytes === undefined ? whole(clause, value, 16) : budget.chargeText(bytes.length * 2) ?? bytes.toString('hex');
      return clause === 'X' && typeof text === 'string' ? text.toUpperCase() : text;
    }
    default:
      return new Fault(`format does not know %${clause}`);
  }
}

function isNumber(value: CelValue): boolean {
  return typeof value === 'bigint' || typeof value === 'number' || value instanceof Uint;
}

function whole(clause: string, value: CelValue, base: number): string | Fault {
  if (typeof value === 'bigint') return value.toString(base);
  return value instanceof Uint ? value.value.toString(base) : noOverload(`%${clause}`, value);
}

function numeral(clause: string, value: CelValue, print: (number: number) => string): string | Fault {
  if (!isNumber(value)) return noOverload(`%${clause}`, value);
  const number = value instanceof Uint ? Number(value.value) : Number(value);
  return Number.isFinite(number) ? print(number) : special(number);
}

function special(number: number): string {
  return Number.isNaN(number) ? 'NaN' : number > 0 ? 'Infinity' : '-Infinity';
}

/** A number with a fixed count of decimals; halves go to the even neighbour, where `toFixed` takes the larger. */
function fixed(number: number, decimals: number): string {
  const rounded = number.toFixed(decimals);
  // One more decimal tells a half from what is near it, as long as nothing comes after.
  const longer = number.toFixed(Math.min(decimals + 1, precision_max));
  const cut = longer.slice(0, -1);
  const half = longer.endsWith('5') && isExactly(number, longer);
  return half && /[02468]\.?$/.test(cut) ? cut.replace(/\.$/, '') : rounded;
}

/** Whether a decimal text is the number itself and not only the nearest to it. */
function isExactly(number: number, text: string): boolean {
  const digits = text.length - text.indexOf('.') - 1;
  return number.toFixed(Math.min(digits + 20, precision_max)).slice(text.length).replaceAll('0', '') === '';
}

function printed(value: CelValue, budget: StepBudget, depth: number): string | Fault {
  const cost = depth > nesting_max ? new Fault('the value nests too deep for format') : budget.charge(1);
  if (cost !== undefined) return cost;
  if (value === null) return 'null';
  if (typeof value === 'number' && !Number.isFinite(value)) return special(value);
  if (value instanceof TypeValue) return value.name;
  if (isCelList(value)) {
    const items = allPrinted(value, budget, depth);
    return items instanceof Fault ? items : `[${items.join(', ')}]`;
  }
  if (isCelMap(value)) {
    const entries: string[] = [];
    for (const entry of entriesOf(value)) {
      const pair = allPrinted(entry, budget, depth);
      if (pair instanceof Fault) return pair;
      entries.push(pair.join(': '));
    }
    return `{${entries.sort().join(', ')}}`;
  }
  return toText(value, budget);
}

function allPrinted(values: readonly CelValue[], budget: StepBudget, depth: number): readonly string[] | Fault {
  const texts: string[] = [];
  let length = 0;
  for (const value of values) {
    const text = printed(value, budget, depth + 1);
    if (text instanceof Fault) return text;
    length += text.length;
    texts.push(text);
  }
  return budget.chargeText(length) ?? texts;
}
