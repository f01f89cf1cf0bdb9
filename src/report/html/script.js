'use strict';
// One cursor for all charts of a scenario: the values of the nearest point under it.
const time = ns => {
  for (const [unit, length] of [['s', 1e9], ['ms', 1e6], ['µs', 1e3]]) {
    if (ns >= length) return `${Number((ns / length).toPrecision(3))} ${unit}`;
  }
  return `${Math.round(ns)} ns`;
};
const figure = (unit, value) => {
  if (unit === 'time') return time(value);
  if (unit === 'ratio') return `${Number((value * 100).toPrecision(5))}%`;
  if (unit === 'bytes') {
    for (const [name, size] of [['GB', 1e9], ['MB', 1e6], ['kB', 1e3]]) {
      if (value >= size) return `${Number((value / size).toPrecision(4))} ${name}`;
    }
    return `${value} B`;
  }
  if (unit === 'number') return value.toLocaleString('en', { maximumSignificantDigits: 5 });
  const text = (value < 10 ? Number(value.toFixed(2)) : Math.round(value)).toLocaleString('en');
  return unit === 'per_second' ? `${text}/s` : text;
};
const place = (data, x) => data.nines ? `${Number((100 * (1 - 10 ** -x)).toFixed(5))}%` : `${Number(x.toFixed(1))} s`;
// Cards of a comparison have no cursor.
const charts = [...document.querySelectorAll('.chart')].filter(one => one.querySelector('.plot')).map(element => ({
  element,
  plot: element.querySelector('.plot'),
  cursor: element.querySelector('.cursor'),
  values: element.querySelector('.values'),
  scenario: element.closest('.scenario'),
  data: JSON.parse(element.querySelector('script').textContent),
}));
const show = (chart, x) => {
  const { data, plot, cursor, values } = chart;
  let at = 0;
  data.x.forEach((one, index) => { if (Math.abs(one - x) < Math.abs(data.x[at] - x)) at = index; });
  const known = data.series.filter(one => one.values[at] !== null && one.values[at] !== undefined);
  const lines = known.map(one => `${one.name}  ${figure(data.unit, one.values[at])}`);
  values.textContent = [place(data, data.x[at]), ...lines].join('\n');
  const left = (data.left + (data.right - data.left) * data.x[at] / data.max) * plot.clientWidth;
  cursor.style.left = `${left}px`;
  const beyond = left > plot.clientWidth / 2;
  values.style.left = beyond ? '' : `${left + 8}px`;
  values.style.right = beyond ? `${plot.clientWidth - left + 8}px` : '';
  plot.classList.add('shown');
};
for (const chart of charts) {
  chart.plot.addEventListener('pointermove', event => {
    const { data, plot } = chart;
    const share = (event.clientX - plot.getBoundingClientRect().left) / plot.clientWidth;
    const x = (share - data.left) / (data.right - data.left) * data.max;
    const same = one => one === chart || (one.scenario === chart.scenario && !one.data.nines && !data.nines && one.data.max === data.max);
    charts.filter(same).forEach(one => show(one, x));
  });
  chart.plot.addEventListener('pointerleave', () => charts.forEach(one => one.plot.classList.remove('shown')));
}
