"use strict";

const KINDS = { title: "标题", heading: "小标题", body: "正文", caption: "图注", credit: "署名" };

// Every text is set as text, never as HTML: what was sent cannot become markup.
function element(name, className, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

// ---- trying it ----

function paragraphElement(paragraph, sent) {
  const shown = element("div", "paragraph", element("span", "kind", KINDS[paragraph.kind] || paragraph.kind));
  let at = paragraph.start;
  for (const department of paragraph.departments) {
    const mark = element("mark", "", sent.slice(department.start, department.end));
    mark.title = `${department.name || "未能对应到机关"}（${department.score}）`;
    shown.append(sent.slice(at, department.start), mark);
    at = department.end;
  }
  shown.append(sent.slice(at, paragraph.end));
  const themes = element("div");
  for (const theme of paragraph.themes) {
    themes.append(element("span", theme.given ? "theme given" : "theme", `${theme.label} ${theme.score}${theme.review ? "（待核）" : ""}`));
  }
  shown.append(themes);
  return shown;
}

async function label(event) {
  event.preventDefault();
  const form = event.target;
  const answer = document.getElementById("answer");
  const raw = document.getElementById("raw");
  const button = form.querySelector("button");
  const sent = { text: form.text.value };
  if (form.region.value.trim()) sent.region = form.region.value.trim();
  const body = { documents: [sent], offset_unit: "utf-16", scores: form.all.checked ? "all" : "given" };
  button.disabled = true;
  try {
    const response = await fetch("/v1/label", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    const value = await response.json();
    raw.hidden = false;
    raw.querySelector("pre").textContent = JSON.stringify(value, null, 2);
    if (response.ok) answer.replaceChildren(...value.documents[0].paragraphs.map((one) => paragraphElement(one, sent.text)));
    else answer.replaceChildren(element("p", "error", `未能标注（${response.status}）：${value.error.message}`));
  } catch (error) {
    answer.replaceChildren(element("p", "error", `服务没有应答：${error.message}`));
  } finally {
    button.disabled = false;
  }
}

// ---- the OpenAPI document ----

const nameOf = (schema) => schema.$ref.split("/").pop();

function typeOf(schema) {
  if (schema.$ref) return nameOf(schema);
  const types = [].concat(schema.type || "any").join(" | ");
  return schema.type === "array" ? `${typeOf(schema.items || {})}[]` : schema.enum ? schema.enum.join(" | ") : types;
}

// The names of the schemas that `schema` leads to, itself first.
function reached(schema, components, names = []) {
  const inner = schema.$ref ? components[nameOf(schema)] : schema;
  if (schema.$ref) {
    if (names.includes(nameOf(schema))) return names;
    names.push(nameOf(schema));
  }
  if (inner.items) reached(inner.items, components, names);
  for (const property of Object.values(inner.properties || {})) reached(property, components, names);
  return names;
}

function schemaTables(schema, components) {
  return reached(schema, components).map((name) => {
    const { properties = {}, required = [] } = components[name];
    const rows = Object.entries(properties).map(([field, one]) => element("tr", "",
      element("td", "", element("code", "", field), required.includes(field) ? " *" : ""),
      element("td", "", typeOf(one)), element("td", "", one.description || "")));
    const head = element("tr", "", ...["字段", "类型", "说明"].map((title) => element("th", "", title)));
    return element("div", "", element("h4", "", name), element("table", "", element("thead", "", head), element("tbody", "", ...rows)));
  });
}

const jsonSchema = (holder) => holder?.content?.["application/json"]?.schema;

function operationElement(path, method, operation, components) {
  const shown = element("div", "", element("h3", "", element("span", "method", method.toUpperCase()), element("code", "", path)),
    element("p", "", [operation.summary, operation.description].filter(Boolean).join(" ")));
  const request = jsonSchema(operation.requestBody);
  if (request) shown.append(element("details", "", element("summary", "", "请求"), ...schemaTables(request, components)));
  for (const [status, response] of Object.entries(operation.responses)) {
    const schema = jsonSchema(response);
    shown.append(element("details", "", element("summary", "", `应答 ${status}：${response.description}`), ...(schema ? schemaTables(schema, components) : [])));
  }
  return shown;
}

async function show() {
  const openapi = await (await fetch("/openapi.json")).json();
  const paths = Object.entries(openapi.paths).sort(([one], [other]) => other.startsWith("/v1/") - one.startsWith("/v1/") || one.localeCompare(other));
  const operations = paths.flatMap(([path, methods]) =>
    Object.entries(methods).filter(([, one]) => one.responses).map(([method, one]) => operationElement(path, method, one, openapi.components.schemas)));
  document.getElementById("api").replaceChildren(...operations);
  const model = await (await fetch("/v1/model")).json();
  document.getElementById("model").textContent = model.error ? "模型正在载入……" : `模型 ${model.bundle}，运行于 ${model.runtime}`;
}

document.getElementById("try").addEventListener("submit", label);
show();
