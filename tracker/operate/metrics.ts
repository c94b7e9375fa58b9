/** Numbers for Prometheus, in its text format (https://prometheus.io/docs/instrumenting/exposition_formats/). */

type Read = () => number | ReadonlyMap<string, number>;

interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly lines: () => string[];
}

/** Counts by a text of labels, such as `type="login",code="ok"`; '' for none. */
export class Counter {
  readonly counts = new Map<string, number>();
  add(labels: string, by = 1): void {
    this.counts.set(labels, (this.counts.get(labels) ?? 0) + by);
  }
}

/** How long something took, in seconds, by a text of labels. */
export class Histogram {
  readonly rows = new Map<string, { readonly counts: number[]; sum: number }>();
  constructor(readonly bounds: readonly number[]) {}

  observe(labels: string, seconds: number): void {
    let row = this.rows.get(labels);
    if (row === undefined) {
      row = { counts: new Array(this.bounds.length + 1).fill(0) as number[], sum: 0 };
      this.rows.set(labels, row);
    }
    let index = 0;
    while (index < this.bounds.length && seconds > (this.bounds[index] ?? 0)) index += 1;
    row.counts[index] = (row.counts[index] ?? 0) + 1;
    row.sum += seconds;
  }
}

export class Metrics {
  readonly #families: Family[] = [];

  counter(name: string, help: string): Counter {
    const counter = new Counter();
    this.#add('counter', { name, help, read: () => counter.counts });
    return counter;
  }

  /** A count that is kept elsewhere. */
  countOf(name: string, help: string, read: Read): void {
    this.#add('counter', { name, help, read });
  }

  gauge(name: string, help: string, read: Read): void {
    this.#add('gauge', { name, help, read });
  }

  histogram(name: string, help: string, bounds: readonly number[]): Histogram {
    const histogram = new Histogram(bounds);
    this.#families.push({ name, help, type: 'histogram', lines: () => linesOf(name, histogram) });
    return histogram;
  }

  /** The page that Prometheus reads. */
  expose(): string {
    return this.#families
      .flatMap(({ name, help, type, lines }) => [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines()])
      .join('\n')
      .concat('\n');
  }

  #add(type: 'counter' | 'gauge', { name, help, read }: { name: string; help: string; read: Read }): void {
    const lines = (): string[] => {
      const value = read();
      const rows = typeof value === 'number' ? [['', value] as const] : [...value];
      return rows.map(([labels, count]) => `${withLabels(name, labels)} ${count}`);
    };
    this.#families.push({ name, help, type, lines });
  }
}

function withLabels(name: string, ...labels: readonly string[]): string {
  const text = labels.filter((label) => label !== '').join(',');
  return text === '' ? name : `${name}{${text}}`;
}

function linesOf(name: string, { bounds, rows }: Histogram): string[] {
  return [...rows].flatMap(([labels, { counts, sum }]) => {
    let total = 0;
    const buckets = counts.map((count, index) => {
      total += count;
      return `${withLabels(`${name}_bucket`, labels, `le="${bounds[index] ?? '+Inf'}"`)} ${total}`;
    });
    return [
      ...buckets,
      `${withLabels(`${name}_sum`, labels)} ${sum}`,
      `${withLabels(`${name}_count`, labels)} ${total}`,
    ];
  });
}
