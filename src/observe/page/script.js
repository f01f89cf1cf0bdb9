// The run, as the server tells it. What it says is shown as text and never as markup.
const MOST_POINTS = 1200;
const token = new URLSearchParams(location.search).get('token') ?? '';
const $ = id => document.getElementById(id);
const run = { outline: null, width: 1, points: [], readings: [], monitors: [], view: null, received: 0, sections: [], ended: false, source: null };
const set = (element, text) => { if (element.textContent !== text) element.textContent = text; };
const name = one => one.failure === 'status' ? `status ${one.code}` : one.failure;
const tile = (label, value, tone = '') => {
  const found = tile.known.get(label) ?? make('div', { class: 'tile' }, make('b'), make('span', {}, label));
  tile.known.set(label, found);
  set(found.firstChild, value);
  found.firstChild.className = tone;
  return found;
};
const tiles = (place, known, list) => {
  tile.known = known;
  const shown = list.filter(Boolean).map(one => tile(...one));
  if (shown.length !== place.children.length || shown.some((one, at) => place.children[at] !== one)) place.replaceChildren(...shown);
};

const start = outline => {
  run.outline = outline;
  Chart.all = [];
  set($('plan'), outline.plan);
  run.sections = outline.scenarios.map((scenario, index) => section(scenario, index));
  $('scenarios').replaceChildren(...run.sections.map(one => one.element));
  run.monitors = outline.monitors.map(monitor => monitor.metrics.map(metric => new Chart(`${monitor.name}: ${metric}`, 'number', { group: 'monitors' })));
  $('monitors').hidden = run.monitors.length === 0;
  $('monitors').querySelector('.charts').replaceChildren(...run.monitors.flat().map(one => one.element));
  const targets = outline.targets.map(target => {
    const [written, addresses] = [target.written.join(', '), target.addresses.slice(0, 4).map(address => typeof address === 'string' ? address : Object.values(address).join(' ')).join(', ')];
    return `${target.name} ${written}${addresses && addresses !== written ? ` (${addresses})` : ''}`;
  });
  const about = [...targets.map(one => `→ ${one}`), `seed ${outline.seed}`, `results in ${outline.folder}`];
  set($('about'), about.join(' · '));
};

const section = (scenario, index) => {
  const chart = (title, unit, options = {}) => new Chart(title, unit, { group: index, ...options });
  const charts = {
    level: chart(scenario.charts[0], 'count'),
    rate: chart(scenario.charts[1], 'per_second'),
    failed: chart('Failures a second, by cause', 'per_second', { stacked: true }),
    time: chart('Times', 'time', { log: true }),
    heat: chart('Heat map of samples', 'time', { log: true, warm: true }),
    survival: chart('Held connections that were not lost', 'ratio'),
    load: chart('Worker processor use', 'ratio', { most: 1 }),
    lag: chart('Latest start against the schedule', 'time'),
  };
  const [tiles, rows, causes] = [make('div', { class: 'tiles' }), make('tbody'), make('ul', { class: 'causes' })];
  const heads = ['stage', 'plan', scenario.good[1], 'failed', 'rate', 'p50', 'p99'];
  const element = make('section', {},
    make('h2', {}, scenario.name, ' ', make('span', { class: 'quiet' }, `${scenario.protocol} → ${scenario.target}`)),
    tiles, make('div', { class: 'charts' }, ...Object.values(charts).map(one => one.element)),
    make('div', { class: 'wide' }, make('table', {}, make('thead', {}, make('tr', {}, ...heads.map(head => make('th', {}, head)))), rows)),
    causes);
  return { element, charts, tiles, rows, causes, known: new Map() };
};

const pointOf = (scenario, outline) => ({
  second: scenario.second, seconds: 1, level: scenario.gauges[outline.level[0]] ?? 0, planned_level: scenario.planned_level,
  attempts: scenario.rate, planned: scenario.planned_rate, failed: scenario.failed, time: scenario.time,
  bands: scenario.bands, survival: scenario.survival,
  cpu_ratio: scenario.workers.cpu_ratio, lag_max_ns: scenario.workers.lag_max_ns,
});

const take = view => {
  if (!run.outline) return;
  run.view = view;
  run.received = performance.now();
  view.scenarios.forEach((scenario, index) => {
    const points = run.points[index] ??= [];
    const last = points[points.length - 1];
    if (scenario.second !== null && (!last || scenario.second >= last.second + last.seconds)) points.push(pointOf(scenario, run.outline.scenarios[index]));
  });
  view.monitors.forEach((monitor, index) => {
    const readings = run.readings[index] ??= [];
    if (monitor.at_ns !== null && monitor.at_ns !== readings[readings.length - 1]?.at_ns) readings.push(monitor);
  });
  // The server gives them again, and fewer.
  if ([...run.points, ...run.readings].some(points => points.length > MOST_POINTS)) return connect();
  render();
};

const render = () => {
  const { view, outline } = run;
  tick();
  verdict(view);
  thresholds(view, outline);
  view.scenarios.forEach((scenario, index) => scenarioNow(scenario, index));
  monitors(view);
  generator(view);
  log(view);
};

const now = () => run.view.now_ns + (run.view.stopped || run.ended || !run.outline.workers.length ? 0 : Math.min((performance.now() - run.received) * 1e6, 3e9));

const tick = () => {
  const { view, outline } = run;
  if (!view) return;
  set($('clock'), clock(now()));
  const running = view.scenarios.map((one, index) => [one, index]).filter(([one]) => one.progression.state === 'running');
  const ends = view.scenarios.map(one => one.progression.drains_ns ?? one.marks[one.marks.length - 1]?.end_ns);
  const end = ends.every(one => one) ? Math.max(...ends) : null;
  const over = view.judgement !== null || view.stopped !== null;
  $('course').style.width = `${over ? 100 : end ? Math.min(100 * now() / end, 100) : 0}%`;
  const words = running.slice(0, 3).map(([scenario, index]) => {
    const [at, of] = [scenario.progression, outline.scenarios[index]];
    const stage = of.stages[at.stage];
    const parts = [`${outline.scenarios.length > 1 ? `${of.name}/` : ''}${stage?.name ?? '?'} (${at.stage + 1} of ${of.stages.length}): ${at.phase} ${length(now() - at.began_ns)}`];
    if (at.ends_ns) parts[0] += ` of ${length(at.ends_ns - at.began_ns)}`;
    if (at.drains_ns && at.phase !== 'drain' && !view.stopping) parts.push(`${length(at.drains_ns - now())} left`);
    return parts.join(', ');
  });
  if (running.length > 3) words.push(`and ${running.length - 3} more`);
  const idle = outline.workers.length === 0 ? 'Waiting for the run to start' : over ? 'No load is made any more' : 'Waiting for the last results';
  set($('state'), words.length > 0 ? words.join(' · ') : idle);
};

const verdict = view => {
  const word = view.verdict;
  set($('verdict'), view.judgement ? word : word ? `${word} so far` : outlineStarted() ? 'running' : 'waiting');
  $('verdict').className = `verdict ${word ? word.toLowerCase() : ''}`;
  document.title = `${view.judgement ? word : clock(view.now_ns)} ${run.outline.plan}`;
  const stop = $('stop');
  stop.hidden = view.judgement !== null || view.stopped !== null;
  stop.disabled = false;
  if (!stop.classList.contains('sure')) set(stop, view.stopping ? 'Stop at once' : 'Stop');
  if (view.judgement) {
    const why = view.judgement.breaches.map(one => `${one.rule}: ${one.detail}`).slice(0, 5).join('; ');
    notice(`The run has ended: ${word}${why ? ` (${why})` : ''}. The results are in ${run.outline.folder}`, word.toLowerCase());
  } else if (view.stopping) {
    notice(view.stopping.at_once ? 'Stopping at once' : 'Stopping: attempts in progress are waited for, connections are closed');
  } else {
    notice('');
  }
};

const outlineStarted = () => run.outline.workers.length > 0;

const notice = (text, tone = '') => {
  set($('notice'), text);
  $('notice').className = `notice ${tone}`;
  $('notice').hidden = text === '';
};

const SIGNS = { held: ['✓', 'good'], broken: ['✗', 'bad'], unreached: ['✗', 'bad'], no_data: ['…', 'quiet'], too_few: ['…', 'quiet'] };
const condition = (sign, tone, text, value) =>
  make('li', {}, make('span', { class: tone }, sign), make('span', {}, text), make('span', { class: tone }, value));

const thresholds = (view, outline) => {
  const list = view.thresholds.map(one => {
    const of = outline.scenarios[one.scenario];
    const [state, detail] = typeof one.state === 'string' ? [one.state, {}] : Object.entries(one.state)[0];
    const [sign, tone] = SIGNS[state] ?? ['…', 'quiet'];
    const threshold = of.thresholds[one.threshold];
    const place = [outline.scenarios.length > 1 ? of.name : null, of.stages[one.stage]?.name, of.requests[one.request]].filter(Boolean).join(' / ');
    let value = one.value === null ? 'no data yet' : figure(threshold.unit, one.value);
    if (state === 'too_few') value = `${grouped(one.samples)} of ${grouped(detail.needed)} samples`;
    if (state === 'unreached') value = `no samples, ${grouped(detail.failed)} failed`;
    return { order: tone === 'bad' ? 0 : tone === 'good' ? 1 : 2, cells: [sign, tone, `${place ? `${place}: ` : ''}${threshold.words}`, value] };
  });
  list.sort((one, other) => one.order - other.order);
  const items = list.slice(0, 40).map(one => condition(...one.cells));
  if (list.length > 40) items.push(make('li', { class: 'quiet' }, `and ${list.length - 40} more`));
  $('thresholds').hidden = items.length === 0;
  $('thresholds').querySelector('ul').replaceChildren(...items);
};

const scenarioNow = (scenario, index) => {
  const [outline, parts] = [run.outline.scenarios[index], run.sections[index]];
  const planned = outline.open ? null : scenario.planned_level;
  const level = scenario.gauges[outline.level[0]] ?? 0;
  const word = outline.level[1];
  const failed = scenario.failure_ratio;
  tiles(parts.tiles, parts.known, [
    [planned ? `${word} of ${short(planned)} planned` : word, grouped(level)],
    [scenario.planned_rate !== null ? `of ${short(scenario.planned_rate)}/s planned` : outline.charts[1].toLowerCase(), `${short(scenario.rate)}/s`],
    [failed?.ratio ? `failed, ${grouped(failed.ratio[0])} in all` : 'failed', failed ? percent(failed.value) : '–', failed ? failed.value > 0 ? 'bad' : 'good' : ''],
    scenario.time && [`p50 ${scenario.time.metric}`, time(scenario.time.p50)],
    scenario.time && [`p99 ${scenario.time.metric}`, time(scenario.time.p99)],
    (scenario.counters.dropped ?? 0) > 0 && ['dropped: due, not started', grouped(scenario.counters.dropped), 'bad'],
  ]);
  if (parts.known.size > 40) parts.known.clear();
  charts(scenario, outline, parts, run.points[index] ?? []);
  parts.rows.replaceChildren(...scenario.stages.map((stage, at) => row(stage, at, scenario, outline)));
  const found = scenario.diagnoses.map(one => make('li', {}, make('span', { class: 'bad' }, one.sentence), make('br'), `fix: ${one.fix}`));
  const causes = scenario.causes.slice(0, 12).map(one => make('li', {}, `${name(one)} ×${short(one.count)} `, make('span', { class: 'quiet' }, `in ${one.phase}`)));
  parts.causes.replaceChildren(...found, ...causes);
};

const charts = (scenario, outline, { charts }, points) => {
  const end = Math.max(30, (run.view.recorded_ns / 1e9) * 1.04);
  const bands = scenario.marks.map((mark, at) => ({ from: mark.ramp_ns / 1e9, to: (mark.end_ns ?? end * 1e9) / 1e9, name: outline.stages[at].name }))
    .filter((band, at) => scenario.marks[at].ramp_ns !== null);
  const at = point => point.second + point.seconds;
  const series = (label, colour, value, planned = false) => ({ name: label, colour, planned, points: points.map(point => [at(point), value(point)]) });
  const plan = scenario.marks.flatMap(mark => mark.ramp_ns === null ? [] : [
    [mark.ramp_ns / 1e9, mark.from], [(mark.hold_ns ?? mark.ramp_ns) / 1e9, mark.to], [(mark.end_ns ?? end * 1e9) / 1e9, mark.to]]);
  const inSight = plan.filter(([x]) => x <= end);
  const next = plan.find(([x]) => x > end);
  if (next && inSight.length > 0) {
    const [x, y] = inSight[inSight.length - 1];
    inSight.push([end, y + (next[1] - y) * (end - x) / Math.max(next[0] - x, 1e-9)]);
  }
  const planned = { name: 'planned', colour: 6, planned: true, points: inSight };
  const show = (chart, list) => chart.update({ series: list, bands, end });
  show(charts.level, [series('actual', 0, point => point.level), ...outline.open ? [] : [planned]]);
  const rates = [series('actual', 0, point => point.attempts / point.seconds)];
  if (outline.open) rates.push(planned);
  else if (points.some(point => point.planned !== null)) rates.push(series('planned', 6, point => point.planned === null ? null : point.planned / point.seconds, true));
  show(charts.rate, rates);
  const sums = new Map();
  for (const point of points) for (const one of point.failed) sums.set(name(one), (sums.get(name(one)) ?? 0) + one.count);
  const names = [...sums].sort((one, other) => other[1] - one[1]).map(one => one[0]);
  const [shown, others] = [names.slice(0, 6), new Set(names.slice(6))];
  const count = (point, wanted) => point.failed.filter(one => wanted(name(one))).reduce((sum, one) => sum + one.count, 0) / point.seconds;
  const colours = [3, 1, 4, 5, 2, 0];
  const failures = shown.map((label, place) => series(label, colours[place], point => count(point, one => one === label)));
  if (others.size > 0) failures.push(series('others', 6, point => count(point, one => others.has(one))));
  show(charts.failed, failures);
  const metrics = [...new Set(points.map(point => point.time?.metric).filter(Boolean))];
  const metric = metrics[metrics.length - 1];
  const stat = key => point => point.time?.metric === metric ? point.time[key] : null;
  const wide = points.some(point => point.seconds > 1) ? ', highest second' : '';
  set(charts.time.element.querySelector('strong'), `${metric ?? 'Times'}${wide}`);
  show(charts.time, metric ? [['p50', 0], ['p90', 2], ['p99', 1], ['max', 3]].map(([key, colour]) => series(key, colour, stat(key))) : []);
  const cells = points.filter(point => metric && point.time?.metric === metric).flatMap(point => point.bands.map(([band, count]) => ({
    from: point.second, to: point.second + point.seconds, low: 1e3 * 2 ** (band / 2), high: 1e3 * 2 ** ((band + 1) / 2), count, seconds: point.seconds })));
  set(charts.heat.element.querySelector('strong'), `${metric ?? 'Times'}: heat map of samples`);
  show(charts.heat, cells.length > 0 ? [{ name: 'samples', colour: 0, planned: true, points: [], cells }] : []);
  show(charts.survival, points.some(point => point.survival !== null) ? [series('not lost', 0, point => point.survival)] : []);
  show(charts.load, points.some(point => point.cpu_ratio !== null) ? [series('of a processor each', 0, point => point.cpu_ratio)] : []);
  show(charts.lag, points.length > 0 ? [series('lag', 0, point => point.lag_max_ns)] : []);
};

const monitors = view => {
  const end = Math.max(30, (view.recorded_ns / 1e9) * 1.04);
  run.monitors.forEach((charts, index) => charts.forEach((chart, metric) => {
    const points = (run.readings[index] ?? []).map(one => [one.at_ns / 1e9, one.values[metric] ?? null]);
    chart.update({ series: points.some(point => point[1] !== null) ? [{ name: 'value', colour: 0, points }] : [], bands: [], end });
  }));
  const failed = view.monitors.map((monitor, index) => [run.outline.monitors[index].name, monitor.failed]).filter(one => one[1] > 0);
  const words = failed.map(([name, count]) => `${name}: ${grouped(count)} readings failed`).join('; ');
  set($('monitors').querySelector('p'), words);
};

const row = (stage, at, scenario, outline) => {
  const of = outline.stages[at];
  const isNow = scenario.progression.state === 'running' && scenario.progression.stage === at;
  const state = stage.ramp_ns === null ? 'later' : isNow ? 'now' : 'done';
  const failed = (stage.counters.failed ?? 0) + (stage.counters.timed_out ?? 0);
  const begun = stage.ramp_ns !== null;
  const cells = [`${{ later: '·', now: '▶', done: '✓' }[state]} ${of.name}`, of.words,
    begun ? grouped(stage.counters[outline.good[0]] ?? 0) : '', begun ? grouped(failed) : '',
    stage.rate !== null ? `${short(stage.rate)}/s` : '', stage.time ? time(stage.time.p50) : '', stage.time ? time(stage.time.p99) : ''];
  const line = make('tr', { class: state }, ...cells.map(cell => make('td', {}, cell)));
  if (begun && failed > 0) line.children[3].className = 'bad';
  return line;
};

const generator = view => {
  const [place, all] = [$('generator'), view.generator];
  place.hidden = !outlineStarted();
  generator.known ??= new Map();
  tiles(place.querySelector('.tiles'), generator.known, [
    ['workers', String(all.at_work), all.lost > 0 ? 'bad' : ''],
    all.lost > 0 && ['workers lost', String(all.lost), 'bad'],
    ['processor use of a worker', all.cpu_ratio === null ? '–' : percent(all.cpu_ratio), all.cpu_ratio > 0.8 ? 'doubt' : ''],
    ['memory of all workers', bytes(all.rss_bytes)],
    ['latest start', time(all.lag_max_ns)],
  ]);
  const tones = { violated: ['✗', 'bad'], warned: ['!', 'doubt'] };
  const wrong = view.health.filter(one => tones[one.state]);
  const measured = view.health.filter(one => one.state !== 'not_measured').length;
  const items = wrong.map(one => {
    const limit = one.state === 'violated' ? one.invalid : one.warn ?? one.invalid;
    return condition(...tones[one.state], `${one.rule} (${one.state === 'violated' ? 'the run is INVALID beyond' : 'a warning beyond'} ${figure(one.unit, limit ?? 0)})`, figure(one.unit, one.measured ?? 0));
  });
  if (items.length === 0 && measured > 0) items.push(condition('✓', 'good', `${measured} rules of validity are within their limits`, ''));
  place.querySelector('ul').replaceChildren(...items);
};

const log = view => {
  const last = view.log[view.log.length - 1];
  const key = last ? `${view.log.length} ${last.at_ns} ${last.text}` : '';
  if (key === log.key) return;
  log.key = key;
  $('log').hidden = view.log.length === 0;
  const line = one => make('li', {}, make('span', {}, clock(one.at_ns)), make('span', {}, one.kind), make('span', {}, one.text));
  $('log').querySelector('ol').replaceChildren(...[...view.log].reverse().map(line));
};

const connect = () => {
  run.source?.close();
  const source = run.source = new EventSource(`events?token=${encodeURIComponent(token)}`);
  const hear = (kind, act) => source.addEventListener(kind, event => act(JSON.parse(event.data)));
  hear('outline', start);
  hear('history', history => {
    run.points = history.scenarios;
    run.readings = history.monitors;
  });
  hear('view', take);
  hear('end', () => { source.close(); run.ended = true; $('stop').hidden = true; tick(); });
  source.addEventListener('error', () => {
    if (run.ended) return;
    notice('The connection is lost: planrun has ended, or the network is down', 'fail');
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, 2000);
  });
};

$('stop').addEventListener('click', async event => {
  const stop = event.currentTarget;
  if (!stop.classList.contains('sure')) {
    stop.classList.add('sure');
    set(stop, 'Really stop?');
    setTimeout(() => { stop.classList.remove('sure'); set(stop, run.view?.stopping ? 'Stop at once' : 'Stop'); }, 4000);
    return;
  }
  stop.classList.remove('sure');
  const answer = await fetch('stop', { method: 'POST', headers: { Authorization: `Bearer ${token}` } }).catch(() => null);
  if (!answer?.ok) notice('The run could not be stopped from here', 'fail');
});
setInterval(() => { if (run.view && !run.ended) tick(); }, 500);
connect();
