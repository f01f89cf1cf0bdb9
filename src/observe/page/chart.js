'use strict';
// Figures for people, and charts as SVG. All text goes through textContent.
const make = (name, attributes = {}, ...children) => fill(document.createElement(name), attributes, children);
const draw = (name, attributes = {}, ...children) =>
  fill(document.createElementNS('http://www.w3.org/2000/svg', name), attributes, children);
const fill = (element, attributes, children) => {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.map(child => child instanceof Node ? child : String(child)));
  return element;
};
const digits = (value, count) => Number(value.toPrecision(count));
const time = ns => {
  if (ns >= 60e9) return clock(ns);
  for (const [unit, length] of [['s', 1e9], ['ms', 1e6], ['µs', 1e3]]) {
    if (ns >= length) return `${digits(ns / length, 3)} ${unit}`;
  }
  return `${Math.round(ns)} ns`;
};
const clock = ns => {
  const seconds = Math.max(0, Math.floor(ns / 1e9));
  const two = value => String(value).padStart(2, '0');
  return `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
};
const length = ns => {
  const seconds = Math.max(0, Math.round(ns / 1e9));
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  if (hours > 0) return `${hours}h${String(minutes).padStart(2, '0')}m`;
  return minutes > 0 ? `${minutes}m${String(seconds % 60).padStart(2, '0')}s` : `${seconds}s`;
};
const grouped = value => Math.round(value).toLocaleString('en');
const short = value => {
  for (const [unit, size] of [['G', 1e9], ['M', 1e6], ['k', 1e3]]) {
    if (value >= size * (unit === 'k' ? 10 : 1)) return `${digits(value / size, 3)}${unit}`;
  }
  return value < 10 ? String(Number(value.toFixed(2))) : grouped(value);
};
const percent = ratio => `${digits(ratio * 100, ratio > 0.99 && ratio < 1 ? 5 : 3)}%`;
const bytes = value => {
  for (const [unit, size] of [['GiB', 2 ** 30], ['MiB', 2 ** 20], ['KiB', 2 ** 10]]) {
    if (value >= size) return `${digits(value / size, 3)} ${unit}`;
  }
  return `${value} B`;
};
const figure = (unit, value) => {
  switch (unit) {
    case 'time': return time(value);
    case 'ratio': case 'share': return percent(value);
    case 'per_second': return `${short(value)}/s`;
    case 'bytes_per_second': return `${bytes(value)}/s`;
    default: return short(value);
  }
};
// Steps of 1, 2 or 5 times a power of ten; of time on the x axis, of a clock.
const step = (range, most) => {
  const rough = Math.max(range / most, 1e-12);
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map(factor => factor * power).find(one => one >= rough);
};
const timeStep = (range, most) =>
  [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400].find(one => one >= range / most) ?? 172800;
const ROOM = { left: 58, right: 12, above: 16, below: 22, height: 190 };

class Chart {
  static all = [];

  constructor(title, unit, options = {}) {
    Object.assign(this, { unit, stacked: false, warm: false, log: false, most: 0, group: null, data: null }, options);
    this.keys = make('span');
    this.svg = draw('svg', { role: 'img', 'aria-label': title });
    this.cursor = make('div', { class: 'cursor' });
    this.values = make('div', { class: 'values' });
    this.plot = make('div', { class: 'plot' }, this.svg, this.cursor, this.values);
    this.element = make('figure', { class: 'chart' }, make('figcaption', {}, make('strong', {}, title), this.keys), this.plot);
    this.plot.addEventListener('pointermove', event => {
      const at = event.clientX - this.plot.getBoundingClientRect().left;
      const x = (at - ROOM.left) / (this.width() - ROOM.left - ROOM.right) * (this.data?.end ?? 1);
      Chart.all.filter(one => one.group === this.group).forEach(one => one.show(x));
    });
    this.plot.addEventListener('pointerleave', () => Chart.all.forEach(one => one.plot.classList.remove('shown')));
    Chart.all.push(this);
  }

  width() { return Math.max(this.plot.clientWidth, 200); }

  // Series are [{ name, colour, planned, points: [[x, y or null]] }]; bands [{ from, to, name }].
  update(data) {
    this.data = data;
    const names = data.series.map(one => one.name + one.colour).join('\n');
    if (names !== this.names) {
      this.names = names;
      this.keys.replaceChildren(...data.series.map(one =>
        make('span', { class: 'key' }, make('span', { class: `swatch c${one.colour}` }), one.name)));
    }
    this.element.hidden = data.series.length === 0;
    this.paint();
  }

  paint() {
    if (!this.data || this.element.hidden) return;
    const { series, bands, end } = this.data;
    const [width, bottom] = [this.width(), ROOM.height - ROOM.below];
    const inner = width - ROOM.left - ROOM.right;
    const x = value => ROOM.left + Math.min(value / end, 1) * inner;
    const known = this.warm ? series.flatMap(one => one.cells.flatMap(cell => [cell.low, cell.high])) : this.stacked ? this.tops() : series.flatMap(one => one.points.map(point => point[1]).filter(value => value !== null));
    const highest = known.reduce((most, one) => Math.max(most, one), Math.max(this.most, 1e-9));
    const lowest = this.log ? known.reduce((least, one) => one > 0 ? Math.min(least, one) : least, highest) / 1.3 : 0;
    const top = this.log ? Math.max(highest * 1.3, lowest * 2) : highest * 1.06;
    const share = value => this.log ? Math.log(value / lowest) / Math.log(top / lowest) : value / top;
    const y = value => bottom - Math.min(Math.max(share(value), 0), 1) * (bottom - ROOM.above);
    const parts = [];
    bands.filter(band => band.from < end).forEach((band, at) => {
      const [from, to] = [x(band.from), x(Math.min(band.to, end))];
      if (at % 2 === 0) parts.push(draw('rect', { class: 'band', x: from, y: ROOM.above, width: Math.max(to - from, 0), height: bottom - ROOM.above }));
      if (to - from > 24) {
        const most = Math.floor((to - from) / 6.2);
        const name = band.name.length > most ? `${band.name.slice(0, Math.max(most - 1, 1))}…` : band.name;
        parts.push(draw('text', { x: from + 3, y: 11 }, name));
      }
    });
    for (const value of this.ticks(lowest, top)) {
      parts.push(draw('path', { class: 'grid', d: `M${ROOM.left} ${y(value)}H${width - ROOM.right}` }));
      parts.push(draw('text', { x: ROOM.left - 6, y: y(value) + 4, 'text-anchor': 'end' }, figure(this.unit, value)));
    }
    parts.push(draw('path', { class: 'axis', d: `M${ROOM.left} ${bottom}H${width - ROOM.right}` }));
    const gap = timeStep(end, Math.max(Math.floor(inner / 70), 2));
    for (let at = 0; at <= end + 1e-9; at += gap) {
      parts.push(draw('text', { x: x(at), y: ROOM.height - 6, 'text-anchor': at === 0 ? 'start' : 'middle' }, length(at * 1e9)));
    }
    parts.push(...(this.warm ? this.heat(x, y) : this.stacked ? this.areas(x, y) : this.lines(x, y)));
    this.svg.setAttribute('viewBox', `0 0 ${width} ${ROOM.height}`);
    this.svg.replaceChildren(...parts);
  }

  // Samples by time and value: one path for each strength of colour.
  heat(x, y) {
    const cells = this.data.series[0].cells;
    const most = Math.log1p(cells.reduce((all, one) => Math.max(all, one.count / one.seconds), 0));
    const paths = Array(8).fill('');
    for (const { from, to, low, high, count, seconds } of cells) {
      const strength = Math.min(Math.floor(8 * Math.log1p(count / seconds) / most), 7);
      const [left, upper] = [x(from), y(high)];
      paths[strength] += `M${left.toFixed(1)} ${upper.toFixed(1)}h${Math.max(x(to) - left, .5).toFixed(1)}V${y(low).toFixed(1)}H${left.toFixed(1)}z`;
    }
    return paths.map((path, at) => [path, at]).filter(([path]) => path).map(([path, at]) => draw('path', { class: 'f0', opacity: (at + 1) / 8, d: path }));
  }

  ticks(lowest, top) {
    const ticks = [];
    if (this.log) {
      for (let power = 10 ** Math.ceil(Math.log10(lowest)); power <= top; power *= 10) ticks.push(power);
      if (ticks.length < 2) {
        const more = step(top - lowest, 4);
        for (let value = Math.ceil(lowest / more) * more; value <= top; value += more) if (value > 0) ticks.push(value);
      }
      return [...new Set(ticks)];
    }
    const gap = step(top, 4);
    for (let value = 0; value <= top; value += gap) ticks.push(value);
    return ticks;
  }

  tops() {
    const sums = new Map();
    for (const one of this.data.series) for (const [at, value] of one.points) sums.set(at, (sums.get(at) ?? 0) + value);
    return [...sums.values()];
  }

  lines(x, y) {
    return this.data.series.map(one => {
      let path = '';
      let pen = 'M';
      for (const [at, value] of one.points) {
        if (value === null || (this.log && value <= 0)) { pen = 'M'; continue; }
        path += `${pen}${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
        pen = 'L';
      }
      if (one.points.filter(point => point[1] !== null).length === 1) path += 'h1.5';
      return draw('path', { class: `line s${one.colour}${one.planned ? ' planned' : ''}`, d: path || 'M0 0' });
    });
  }

  areas(x, y) {
    const below = new Map();
    return this.data.series.map(one => {
      const up = [];
      const down = [];
      for (const [at, value] of one.points) {
        const from = below.get(at) ?? 0;
        down.unshift(`${x(at).toFixed(1)} ${y(from).toFixed(1)}`);
        up.push(`${x(at).toFixed(1)} ${y(from + value).toFixed(1)}`);
        below.set(at, from + value);
      }
      const outline = [...up, ...down].join('L');
      return draw('path', { class: `area f${one.colour}`, d: outline ? `M${outline}Z` : 'M0 0' });
    });
  }

  show(at) {
    const { series, end } = this.data ?? { series: [] };
    const times = series.filter(one => !one.planned).flatMap(one => one.points.map(point => point[0]));
    if (times.length === 0) return;
    const nearest = times.reduce((best, one) => Math.abs(one - at) < Math.abs(best - at) ? one : best);
    const known = series.map(one => [one.name, one.points.find(point => point[0] === nearest)?.[1]]);
    const lines = known.filter(([, value]) => value !== undefined && value !== null);
    this.values.textContent = [length(nearest * 1e9), ...lines.map(([name, value]) => `${name}  ${figure(this.unit, value)}`)].join('\n');
    const left = ROOM.left + nearest / end * (this.width() - ROOM.left - ROOM.right);
    this.cursor.style.left = `${left}px`;
    const beyond = left > this.width() / 2;
    this.values.style.left = beyond ? '' : `${left + 8}px`;
    this.values.style.right = beyond ? `${this.width() - left + 8}px` : '';
    this.plot.classList.add('shown');
  }
}
addEventListener('resize', () => Chart.all.forEach(one => one.paint()));
