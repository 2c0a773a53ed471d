/**
 * A value in the shortest form from which the reader gets it back. Undefined when there is none: a text cannot
 * have three quotes inside together with what needs quoting, and `$(` is always replaced.
 */
export function quoteValue(value: string): string | undefined {
  const plain = value !== "" && value === value.trim() && !/[#\r\n]/.test(value) && !value.startsWith("'");
  if (plain) return value;
  if (!/['\r\n]/.test(value)) return `'${value}'`;
  if (/'''(?!'*$)/.test(value)) return undefined;
  return `'''${value}'''`;
}
