const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;
const NAMES: readonly string[] = DAYS;
const MINUTES_A_DAY = 24 * 60;

/** Hours of the week, as `mon-fri 08:00-18:00`. */
export interface WeekTime {
  /** The same in one spelling. */
  readonly text: string;
  /** `at` in ms since epoch, judged in local time. */
  includes(at: number): boolean;
}

/**
 * Reads days, hours or both: `mon-fri`, `sat,sun`, `08:00-18:00`, `mon-fri 22:00-06:00` (which ends on the next day).
 * Undefined when it is none.
 */
export function parseWeekTime(text: string): WeekTime | undefined {
  const words = text.trim().toLowerCase().split(/\s+/);
  const last = words.at(-1) ?? '';
  const hours = /\d/.test(last) ? parseHours(last) : WHOLE_DAY;
  const dayWords = /\d/.test(last) ? words.slice(0, -1) : words;
  const days = dayWords.length === 0 ? ALL_DAYS : parseDays(dayWords.join(''));
  if (hours === undefined || days === undefined) return undefined;
  return { text: textOf(days, hours), includes: (at) => includes(days, hours, new Date(at)) };
}

interface Hours {
  /** Minutes of the day. */
  readonly from: number;
  readonly to: number;
}

const WHOLE_DAY: Hours = { from: 0, to: MINUTES_A_DAY };
const ALL_DAYS: ReadonlySet<number> = new Set(DAYS.keys());

function parseHours(text: string): Hours | undefined {
  const [from, to, more] = text.split('-').map(parseMinute);
  if (from === undefined || to === undefined || more !== undefined || from === to || from === MINUTES_A_DAY)
    return undefined;
  return { from, to };
}

function parseMinute(text: string): number | undefined {
  const [, hour, minute = '00'] = /^(\d{1,2})(?::(\d{2}))?$/.exec(text) ?? [];
  const minutes = Number(hour) * 60 + Number(minute);
  return hour === undefined || Number(minute) > 59 || minutes > MINUTES_A_DAY ? undefined : minutes;
}

function parseDays(text: string): ReadonlySet<number> | undefined {
  const days = new Set<number>();
  for (const part of text.split(',')) {
    const [first, last = first, more] = part.split('-').map((name) => NAMES.indexOf(name));
    if (first === undefined || last === undefined || first < 0 || last < 0 || more !== undefined) return undefined;
    for (let day = first; ; day = (day + 1) % DAYS.length) {
      days.add(day);
      if (day === last) break;
    }
  }
  return days;
}

/** Hours that end before they begin run over midnight; they belong to the day on which they begin. */
function includes(days: ReadonlySet<number>, { from, to }: Hours, at: Date): boolean {
  const minute = at.getHours() * 60 + at.getMinutes();
  const [today, yesterday] = [at.getDay(), (at.getDay() + DAYS.length - 1) % DAYS.length];
  if (from < to) return days.has(today) && minute >= from && minute < to;
  return (days.has(today) && minute >= from) || (days.has(yesterday) && minute < to);
}

function textOf(days: ReadonlySet<number>, hours: Hours): string {
  const dayText = days.size === DAYS.length ? [] : [daysText(days)];
  const hourText = hours === WHOLE_DAY ? [] : [`${clockText(hours.from)}-${clockText(hours.to)}`];
  const parts = [...dayText, ...hourText];
  return parts.length === 0 ? daysText(days) : parts.join(' ');
}

/** From Monday on: `mon-fri`, `mon,wed,sat-sun`. */
function daysText(days: ReadonlySet<number>): string {
  const week = [1, 2, 3, 4, 5, 6, 0];
  const runs: number[][] = [];
  for (const [place, day] of week.entries()) {
    if (!days.has(day)) continue;
    const run = runs.at(-1);
    if (run !== undefined && run.at(-1) === week[place - 1]) run.push(day);
    else runs.push([day]);
  }
  return runs.map((run) => [...new Set([run[0], run.at(-1)])].map((day) => DAYS[day ?? 0]).join('-')).join(',');
}

function clockText(minutes: number): string {
  return [Math.floor(minutes / 60), minutes % 60].map((part) => String(part).padStart(2, '0')).join(':');
}
