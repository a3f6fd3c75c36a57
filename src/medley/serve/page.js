"use strict";
const byId = id => document.getElementById(id);
const ends = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 6 });
const short = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 3 });
const percent = value => `${(100 * value).toFixed(value < 0.0995 || value > 0.9 ? 1 : 0)} %`;
const state = { models: [], model: null, controls: new Map(), places: new Map(), key: sessionStorage.getItem("medley-key") || "", explained: 0 };

function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name in made && name !== "list") made[name] = value; else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter(child => child !== null));
  return made;
}

async function ask(path, options = {}) {
  const headers = { ...(options.headers || {}), ...(state.key ? { authorization: `Bearer ${state.key}` } : {}) };
  try {
    return await fetch(path, { ...options, headers });
  } catch (error) {
    throw new Error("The server cannot be reached.");
  }
}

async function refusal(response) {
  try { return await response.json(); } catch (error) { return { error: `The server answered ${response.status}.`, errors: [] }; }
}

async function start() {
  const response = await ask("models");
  byId("access").hidden = response.status !== 401;
  byId("content").hidden = response.status === 401;
  if (response.status === 401) {
    if (state.key) byId("key-error").textContent = "This is not the key.";
    byId("key").focus();
    return;
  }
  const content = await response.json();
  state.models = content.models;
  state.explained = content.explained_rows;
  byId("model").replaceChildren(...state.models.map(model => element("option", { value: model.name }, model.name)));
  byId("pick").hidden = state.models.length < 2;
  const wanted = decodeURIComponent(location.hash.slice(1));
  show(state.models.find(model => model.name === wanted) || state.models[0]);
}

function show(model) {
  state.model = model;
  byId("model").value = model.name;
  document.title = `${model.name} · medley`;
  byId("title").textContent = model.name;
  const targets = model.targets.map(target => target.name).join(", ");
  byId("summary").textContent = `Predicts ${targets} from ${model.fields.length} ${model.reads_table ? "columns" : "inputs"}. Leave empty what is not known.`;
  state.controls = new Map(model.fields.map((field, place) => [field.name, controlOf(field, `field-${place}`)]));
  /* All places of messages; a column of an input that is a table is "input: column" there. */
  state.places = new Map([...state.controls].flatMap(([name, control]) =>
    [[name, control], ...(control.parts || []).map(part => [`${name}: ${part.field.name}`, part])]));
  byId("fields").replaceChildren(...[...state.controls.values()].map(control => control.box));
  byId("example").hidden = !model.fields.some(field => field.example !== null);
  showNoAnswer("Fill in the form and press Predict.");
  byId("batch").textContent = "";
  byId("table").hidden = !model.reads_table;
  complain("", []);
  fillExample();
}

/* A control has: box (what is shown), input (what has the focus), read() -> cell, write(cell), error (where messages go). */
function controlOf(field, id) {
  const error = element("p", { className: "error", id: `${id}-error` });
  const made = (makers[field.control] || makers.text)(field, id);
  made.input.setAttribute("aria-describedby", `${id}-error`);
  const isGroup = ["image", "images", "audio", "table"].includes(field.control) && made.body !== made.input;
  const title = isGroup ? element("span", { className: "label", id: `${id}-name` }, field.name)
    : element("label", { htmlFor: id }, element("span", {}, field.name), field.unit ? element("span", { className: "unit" }, field.unit) : "");
  const box = element("div", { className: `field${made.wide ? " wide" : ""}` }, title, made.body, error);
  if (isGroup) { box.setAttribute("role", "group"); box.setAttribute("aria-labelledby", `${id}-name`); }
  box.addEventListener("input", () => { error.textContent = ""; made.input.removeAttribute("aria-invalid"); });
  return { ...made, field, box, error };
}

const plainNumber = text => /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i.test(text);
const makers = {
  number(field, id) {
    const input = element("input", { id, type: "text", inputMode: "decimal", autocomplete: "off" });
    const read = () => input.value.trim() === "" ? null : plainNumber(input.value) ? Number(input.value) : input.value;
    const body = element("div", {}, input);
    let slider = null;
    if (field.low !== null && field.high > field.low) {
      const whole = Number.isInteger(field.low) && Number.isInteger(field.high) && field.high - field.low > 4;
      slider = element("input", { type: "range", min: field.low, max: field.high, step: whole ? 1 : (field.high - field.low) / 200 });
      slider.setAttribute("aria-label", `${field.name}, range of the training table`);
      slider.addEventListener("input", () => { input.value = String(Number(Number(slider.value).toPrecision(6))); });
      input.addEventListener("input", () => { if (plainNumber(input.value)) slider.value = input.value; });
      body.append(slider, element("div", { className: "ends", ariaHidden: "true" },
        element("span", {}, ends.format(field.low)), element("span", {}, ends.format(field.high))));
    }
    const write = cell => {
      input.value = cell === null ? "" : String(cell);
      if (slider) slider.value = cell !== null && plainNumber(String(cell)) ? cell : (field.low + field.high) / 2;
    };
    return { input, body, read, write };
  },
  choice(field, id) {
    if (!field.choices.length) return makers.text(field, id);
    const input = element("select", { id }, element("option", { value: "" }, "not known"),
      ...field.choices.map((choice, place) => element("option", { value: String(place) }, label(choice))));
    const read = () => input.value === "" ? null : field.choices[Number(input.value)];
    const write = cell => {
      const place = field.choices.findIndex(choice => String(choice).toLowerCase() === String(cell).toLowerCase());
      input.value = place < 0 ? "" : String(place);
    };
    return { input, body: input, read, write };
  },
  boolean(field, id) { return makers.choice({ ...field, choices: [true, false] }, id); },
  time(field, id) {
    const input = element("input", { id, type: field.is_date ? "date" : "text", autocomplete: "off" });
    return { input, body: input, read: () => input.value.trim() || null, write: cell => { input.value = cell ?? ""; } };
  },
  text(field, id) {
    const input = element(field.is_long ? "textarea" : "input", { id, autocomplete: "off" });
    return { input, body: input, wide: field.is_long, read: () => input.value || null, write: cell => { input.value = cell ?? ""; } };
  },
  list(field, id) {
    const nested = field.shape.length > 1;
    const input = element("textarea", { id, placeholder: field.kind === "set" ? "a; b; c" : nested ? "[[0.1, 0.2], [0.3, 0.4]]" : "0.1, 0.2, 0.3" });
    const isInput = field.kind === "table" || field.kind === "array";
    const body = isInput ? element("div", {}, input, element("p", { className: "hint" }, field.description)) : input;
    const read = () => {
      const text = input.value.trim();
      if (!text) return null;
      if (text.startsWith("[")) try { return JSON.parse(text); } catch (error) { return text; }
      if (field.kind === "set") return text.split(/[;\n]/).map(part => part.trim()).filter(Boolean);
      return text.split(/[,;\s]+/).filter(Boolean).map(part => plainNumber(part) ? Number(part) : part);
    };
    return { input, body, wide: true, read, write: cell => { input.value = cell === null ? "" : JSON.stringify(cell); } };
  },
  table(field, id) {
    const parts = field.columns.map((column, place) => controlOf(column, `${id}-${place}`));
    const input = element("div", { className: "fields part", tabIndex: -1 }, ...parts.map(part => part.box));
    const read = async () => {
      const cells = await Promise.all(parts.map(async part => [part.field.name, await part.read()]));
      return cells.every(([, cell]) => cell === null) ? null : Object.fromEntries(cells);
    };
    const write = row => { for (const part of parts) part.write(row?.[part.field.name] ?? null); };
    return { input, body: element("div", {}, input), wide: true, read, write, parts };
  },
  image(field, id) { return dropZone(field, id, "image/*", "an image"); },
  images(field, id) { return dropZone(field, id, "image/*", "images", true); },
  audio(field, id) { return dropZone(field, id, "audio/*", "a recording"); },
};

const label = choice => choice === true ? "yes" : choice === false ? "no" : String(choice);

function dropZone(field, id, accept, noun, several = false) {
  let files = [];
  const input = element("input", { id, type: "file", accept, multiple: several });
  const chosen = element("div");
  const body = element("div", { className: "drop" },
    element("label", { htmlFor: id }, element("strong", {}, `Choose ${noun}`), ` or drop ${several ? "them" : "it"} here`), input, chosen);
  const show = () => {
    chosen.replaceChildren(...files.map((file, place) => {
      const address = URL.createObjectURL(file);
      const view = field.control === "audio" ? element("audio", { controls: true, src: address })
        : element("img", { src: address, alt: `${field.name}: ${file.name}` });
      const remove = element("button", { type: "button", className: "quiet" }, "Remove");
      remove.addEventListener("click", () => { files = files.filter((_, other) => other !== place); changed(); });
      return element("div", { className: "chosen" }, view, element("span", { className: "name" }, file.name), remove);
    }));
  };
  const changed = () => { show(); body.dispatchEvent(new Event("input", { bubbles: true })); };
  const take = added => { if (added.length) { files = several ? [...files, ...added] : [added[0]]; changed(); } };
  input.addEventListener("change", event => { take([...input.files]); input.value = ""; event.stopPropagation(); });
  droppable(body, take);
  const read = async () => {
    const contents = await Promise.all(files.map(base64));
    return several ? (contents.length ? contents : null) : contents[0] ?? null;
  };
  return { input, body, wide: true, read, write: () => { files = []; show(); } };
}

function droppable(zone, take) {
  for (const name of ["dragenter", "dragover"]) zone.addEventListener(name, event => { event.preventDefault(); zone.classList.add("over"); });
  for (const name of ["dragleave", "drop"]) zone.addEventListener(name, () => zone.classList.remove("over"));
  zone.addEventListener("drop", event => { event.preventDefault(); take([...event.dataTransfer.files]); });
}

const base64 = file => new Promise((resolve, reject) => {
  const reader = new FileReader();
  reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
  reader.onerror = () => reject(new Error(`${file.name} cannot be read.`));
  reader.readAsDataURL(file);
});

function fillExample() { for (const control of state.controls.values()) control.write(control.field.example); }

function complain(message, cells) {
  byId("problem").hidden = !message;
  byId("problem").textContent = message;
  for (const control of state.places.values()) { control.error.textContent = ""; control.input.removeAttribute("aria-invalid"); }
  let first = null;
  for (const cell of cells) {
    const control = state.places.get(cell.column);
    if (!control) continue;
    control.error.textContent = cell.message;
    control.input.setAttribute("aria-invalid", "true");
    first ??= control;
  }
  if (first) first.input.focus();
}

function showNoAnswer(message) {
  byId("answers").replaceChildren(element("p", { className: "empty" }, message));
  byId("time").textContent = "";
}

async function predict(event) {
  event.preventDefault();
  const model = state.model, button = byId("predict"), answers = byId("answers");
  button.disabled = true;
  answers.ariaBusy = "true";
  try {
    const row = {};
    for (const [name, control] of state.controls) row[name] = await control.read();
    const started = performance.now();
    const response = await send(model, { rows: [row], interval: model.interval });
    const content = response.ok ? await response.json() : await refusal(response);
    if (model !== state.model) return;
    if (!response.ok) {
      complain(content.errors.length ? `${content.error} See below.` : content.error, content.errors);
      showNoAnswer("No answer: the row was refused.");
      return;
    }
    complain("", content.warnings);
    byId("time").textContent = `${Math.max(1, Math.round(performance.now() - started))} ms`;
    const boxes = model.targets.map(target => answerBox(target, content.answers[0][target.name], model));
    answers.replaceChildren(...boxes.map(box => box.element));
    answers.ariaBusy = null;
    if (answers.getBoundingClientRect().top > innerHeight - 80) byId("answers-title").scrollIntoView({ block: "start" });
    if (state.explained) await explain(model, row, boxes);
  } catch (error) {
    if (model !== state.model) return;
    complain(error.message, []);
    showNoAnswer("No answer.");
  } finally {
    button.disabled = false;
    answers.ariaBusy = null;
  }
}

const send = (model, body) => ask(`models/${encodeURIComponent(model.name)}/predict`,
  { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

async function explain(model, row, boxes) {
  const response = await send(model, { rows: [row], explain: true, on_unreadable: "warn" });
  if (!response.ok || model !== state.model) return;
  const { influences } = await response.json();
  if (influences) for (const box of boxes) box.explain(influences[0][box.target.name] || []);
}

function answerBox(target, answer, model) {
  const box = element("section", { className: "target" }, element("h3", {}, target.name));
  if (target.labels === null) box.append(...numberAnswer(answer, model)); else box.append(...classAnswer(target, answer, model));
  return { target, element: box, explain: listed => { const view = mattered(target, listed, answer); if (view) box.append(view); } };
}

function classAnswer(target, answer, model) {
  const shown = Array.isArray(answer.prediction) ? answer.prediction.join(", ") || "none" : label(answer.prediction);
  const parts = [element("p", { className: "value" }, shown,
    answer.probability === undefined ? "" : element("small", {}, `  ${percent(answer.probability)}`))];
  const pairs = Object.entries(answer.probabilities || {}).sort((a, b) => b[1] - a[1]);
  const chosen = new Set([].concat(answer.prediction).map(String));
  parts.push(element("ul", { className: "bars" }, ...pairs.slice(0, 8).map(([name, value]) =>
    bar(name, value, percent(value), chosen.has(name) ? "best" : ""))));
  if (pairs.length > 8) parts.push(element("p", { className: "note" }, `and ${pairs.length - 8} classes that are less probable`));
  if (answer.set) parts.push(element("p", { className: "note" }, `With ${percent(model.interval)} certainty one of: ${answer.set.map(label).join(", ") || "none"}`));
  return parts;
}

function bar(name, value, text, className) {
  const fill = element("span", { className: "fill" });
  fill.style.left = "0"; fill.style.width = `${100 * value}%`;
  return element("li", { className }, element("span", { className: "name", title: name }, name),
    element("span", { className: "track" }, fill), element("span", { className: "number" }, text));
}

function number(value) {
  if (typeof value !== "number") return value === null ? "none" : duration(String(value));
  return value.toLocaleString(undefined, { maximumSignificantDigits: Math.max(5, Math.ceil(Math.log10(Math.abs(value) + 1))) });
}

/* What the server sends for a duration, such as P1DT6H30M, in words. */
function duration(text) {
  const match = /^(-?)P(?:([\d.]+)D)?(?:T(?:([\d.]+)H)?(?:([\d.]+)M)?(?:([\d.]+)S)?)?$/.exec(text);
  if (!match) return text;
  const parts = ["d", "h", "min", "s"].map((unit, place) => match[place + 2] ? `${Number(Number(match[place + 2]).toPrecision(3))} ${unit}` : "");
  return `${match[1] && "−"}${parts.filter(Boolean).join(" ")}`;
}

function numberAnswer(answer, model) {
  const value = Array.isArray(answer.prediction) ? answer.prediction.map(number).join(", ") : number(answer.prediction);
  const parts = [element("p", { className: "value" }, value)];
  const [low, high] = answer.interval || [];
  if (typeof low !== "number" || typeof high !== "number") return parts;
  const middle = answer.prediction, room = 0.25 * Math.max(high - low, 1e-12), from = Math.min(low, middle) - room, size = Math.max(high, middle) + room - from;
  const fill = element("span", { className: "fill" }), mark = element("span", { className: "mark" });
  fill.style.left = `${100 * (low - from) / size}%`; fill.style.width = `${100 * (high - low) / size}%`;
  mark.style.left = `${100 * (middle - from) / size}%`;
  parts.push(element("div", { className: "range" }, element("div", { className: "track" }, fill, mark)),
    element("p", { className: "note" }, `With ${percent(model.interval)} certainty between ${number(low)} and ${number(high)}`));
  return parts;
}

function mattered(target, listed, answer) {
  const most = Math.max(...listed.map(entry => Math.abs(entry.change)), 0);
  if (!most) return null;
  const shown = listed.filter(entry => Math.abs(entry.change) > 0.01 * most).slice(0, 8);
  const scale = target.labels === null ? 1 : 100;
  const text = change => `${change < 0 ? "−" : "+"}${short.format(Number((scale * Math.abs(change)).toPrecision(scale * most < 10 ? 2 : 3)))}`;
  const rows = shown.map(({ column, change }) => {
    const fill = element("span", { className: "fill" }), width = 50 * Math.abs(change) / most;
    fill.style.left = `${change < 0 ? 50 - width : 50}%`; fill.style.width = `${width}%`;
    return element("li", { className: change < 0 ? "minus" : "plus" }, element("span", { className: "name", title: column }, column),
      element("span", { className: "track" }, fill), element("span", { className: "number" }, text(change)));
  });
  const unit = state.model.reads_table ? "column" : "input";
  const [likeliest] = Object.entries(answer.probabilities || {}).sort((a, b) => b[1] - a[1])[0] || [];
  const output = target.labels === null ? "the number" : target.is_set && likeliest ? `the probability of ${likeliest}, in points` : "this probability, in points";
  const what = `What each ${unit} adds to ${output}`;
  return element("details", { open: true }, element("summary", {}, "What mattered"),
    element("ul", { className: "bars mattered" }, ...rows), element("p", { className: "note" }, `${what}, compared with the ${unit} left empty (occlusion).`));
}

async function predictTable([file]) {
  const status = byId("batch"), model = state.model;
  if (!file) return;
  status.textContent = `Predicting ${file.name} …`;
  try {
    const response = await ask(`models/${encodeURIComponent(model.name)}/predict.csv`,
      { method: "POST", headers: { "content-type": "text/csv" }, body: file });
    if (!response.ok) {
      const { error, errors } = await refusal(response);
      const places = errors.slice(0, 5).map(cell => `${cell.row === null ? "" : `row ${cell.row + 1}, `}${cell.column}: ${cell.message}`);
      status.replaceChildren(element("span", { className: "error" }, [error, ...places].join(" ")));
      return;
    }
    const rows = response.headers.get("medley-rows"), unread = Number(response.headers.get("medley-unreadable-cells"));
    const name = file.name.replace(/\.[^.]*$/, "") + "-answers.csv";
    const link = element("a", { className: "button", download: name, href: URL.createObjectURL(await response.blob()) }, `Download ${name}`);
    const count = (size, noun) => `${size} ${noun}${Number(size) === 1 ? "" : "s"}`;
    const remark = unread ? ` ${count(unread, "cell")} could not be read and counted as missing.` : "";
    status.replaceChildren(element("span", {}, `${count(rows, "row")} predicted.${remark} `), link);
  } catch (error) {
    status.replaceChildren(element("span", { className: "error" }, error.message));
  }
}

byId("form").addEventListener("submit", predict);
byId("example").addEventListener("click", () => { fillExample(); complain("", []); });
byId("clear").addEventListener("click", () => { for (const control of state.controls.values()) control.write(null); complain("", []); });
byId("model").addEventListener("change", event => { location.hash = encodeURIComponent(event.target.value); });
addEventListener("hashchange", () => {
  const model = state.models.find(candidate => candidate.name === decodeURIComponent(location.hash.slice(1)));
  if (model && model !== state.model) show(model);
});
byId("csv").addEventListener("change", event => { predictTable([...event.target.files]); event.target.value = ""; });
droppable(byId("csv-drop"), predictTable);
for (const name of ["dragover", "drop"]) addEventListener(name, event => event.preventDefault());
byId("access").addEventListener("submit", event => {
  event.preventDefault();
  state.key = byId("key").value;
  sessionStorage.setItem("medley-key", state.key);
  start();
});
start();
