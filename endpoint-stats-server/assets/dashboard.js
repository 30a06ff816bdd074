// What moves: live numbers, values under the pointer, and buttons that copy. Every page works without it.
"use strict";

function watchLive(box) {
  const state = document.querySelector("[data-live-state]");
  const source = new EventSource(box.dataset.live);
  source.onmessage = (event) => {
    box.innerHTML = event.data;
    state.textContent = "live";
  };
  source.onerror = () => {
    state.textContent = source.readyState === EventSource.CLOSED ? "not live: reload to see more" : "waiting for the server";
  };
  document.querySelector("[data-reload]").hidden = true;
  addEventListener("pagehide", () => source.close());
}

function showValues(figure) {
  const { first, step, left, right, unit } = figure.dataset;
  const digits = unit ? { maximumSignificantDigits: 3 } : {};
  const plot = figure.querySelector(".plot");
  const caption = figure.querySelector("[data-at]");
  const lines = [...figure.querySelectorAll("[data-values]")].map((line) => {
    const number = line.querySelector("b");
    return { number, whole: number.textContent, values: line.dataset.values.split(",") };
  });
  const count = lines.length ? lines[0].values.length : 0;
  if (count < 2) return;
  const cursor = document.createElement("i");
  cursor.className = "cursor";
  cursor.hidden = true;
  plot.append(cursor);

  plot.addEventListener("pointermove", (event) => {
    const box = plot.getBoundingClientRect();
    const share = ((event.clientX - box.left) / box.width * 1000 - left) / (right - left);
    const index = Math.round(Math.min(Math.max(share, 0), 1) * (count - 1));
    cursor.style.left = `${(Number(left) + (index / (count - 1)) * (right - left)) / 10}%`;
    cursor.hidden = false;
    const start = new Date((Number(first) + index * step) * 1000);
    caption.textContent = start.toISOString().slice(0, 16).replace("T", " ");
    for (const { number, values } of lines) {
      number.textContent = values[index] === "" ? "–" : `${Number(values[index]).toLocaleString("en-GB", digits)} ${unit}`;
    }
  });
  plot.addEventListener("pointerleave", () => {
    cursor.hidden = true;
    caption.textContent = caption.dataset.at;
    for (const { number, whole } of lines) number.textContent = whole;
  });
}

function addCopyButton(block) {
  const box = document.createElement("div");
  box.className = "copyable";
  block.replaceWith(box);
  const button = document.createElement("button");
  button.className = "copy";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(block.querySelector("code").textContent);
    button.textContent = "Copied";
  });
  box.append(block, button);
}

document.querySelectorAll("[data-live]").forEach(watchLive);
document.querySelectorAll("[data-chart]").forEach(showValues);
document.querySelectorAll("[data-submit]").forEach((field) => field.addEventListener("change", () => field.form.submit()));
if (navigator.clipboard) document.querySelectorAll("[data-copy]").forEach(addCopyButton);
