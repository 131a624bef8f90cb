// Sends the latest drawing or picture to the server, one request at a time, and shows the answer.

import { Sheet } from "./sheet.js";
import { AnswerView } from "./answer.js";
import { HiddenView } from "./hidden.js";
import { prepare, watchForPictures } from "./upload.js";

const PAUSE = 50; // milliseconds between requests
const RETRY_PAUSE = 1000; // milliseconds after a failure

const byId = (id) => document.getElementById(id);
const wait = (time) => new Promise((resolve) => setTimeout(resolve, time));

function trouble(text) {
  byId("trouble").textContent = text;
  byId("trouble").hidden = text === "";
}

/** Fetches JSON. Errors have a message and a pause before the next try. */
async function ask(address, request) {
  let response;
  try {
    response = await fetch(address, request);
  } catch {
    const message = "Cannot reach the server. Is `mlp serve` still running?";
    throw Object.assign(new Error(message), { pause: RETRY_PAUSE });
  }
  if (response.ok) return response.json();
  const { error } = await response.json().catch(() => ({ error: response.statusText }));
  const seconds = Number(response.headers.get("retry-after"));
  const pause = 1000 * seconds || RETRY_PAUSE;
  throw Object.assign(new Error(`Server error: ${error}`), { pause, canRetry: seconds > 0 });
}

/** Describes the model, and returns the invitation to draw. */
function describe(model) {
  const layers = [model.inputs, ...model.hidden, model.outputs].join("-");
  const kind = model.hidden.length > 0 ? `${model.activation} network` : "softmax regression";
  const parameters = model.parameters.toLocaleString("en-US");
  byId("model").textContent = `${layers} ${kind} · ${parameters} parameters · trained on ${model.dataset}`;
  const isDigits = model.classes.length === 10 && model.classes.every((name, i) => name === `${i}`);
  return isDigits ? "Draw a digit" : "Draw here";
}

async function begin() {
  let model;
  while (!model) {
    try {
      model = await ask("model");
      trouble("");
    } catch (error) {
      trouble(error.message);
      await wait(error.pause);
    }
  }
  const invitation = describe(model);
  byId("invitation").textContent = invitation;
  const [answers, hidden] = [new AnswerView(model), new HiddenView(model)];
  let [isNew, isAsking, isDown, drawn, cleared] = [false, false, false, 0, 0];

  const sheet = new Sheet(byId("sheet"), model.image, (down) => {
    [isNew, isDown, drawn] = [true, down, drawn + 1];
    byId("clear").disabled = byId("undo").disabled = sheet.isEmpty;
    byId("invitation").textContent = invitation;
    byId("invitation").hidden = !sheet.isEmpty;
    if (sheet.isEmpty) empty();
    else look();
  });

  function empty() {
    isNew = false;
    cleared += 1;
    answers.clear();
    hidden.clear();
    trouble("");
    byId("spoken").textContent = "cleared";
  }

  async function look() {
    if (isAsking) return;
    isAsking = true;
    while (isNew && !sheet.isEmpty) {
      isNew = false;
      const [now, before] = [drawn, cleared];
      try {
        const query = sheet.hasPicture ? "" : "?polarity=dark-on-light";
        const body = await sheet.picture();
        const headers = { "content-type": body.type || "application/octet-stream" };
        const answer = await ask(`predict${query}`, { method: "POST", headers, body });
        trouble("");
        // The canvas was cleared in the meantime.
        if (cleared !== before) continue;
        if (answer.blank) [answers, hidden].forEach((view) => view.clear("Blank"));
        else [answers, hidden].forEach((view) => view.show(answer));
        document.body.dataset.shown = now;
        // Screen readers only announce finished drawings.
        if (!isDown && !isNew && !answer.blank) byId("spoken").textContent = AnswerView.inWords(answer);
        await wait(PAUSE);
      } catch (error) {
        trouble(error.message);
        isNew ||= error.canRetry ?? true;
        // A refused picture must not seem to have a prediction.
        if (!isNew) [answers, hidden].forEach((view) => view.clear("No prediction"));
        await wait(error.pause ?? RETRY_PAUSE);
      }
    }
    isAsking = false;
  }

  async function open(file) {
    const picture = await prepare(file);
    sheet.place(picture);
    byId("invitation").textContent = file.name;
    byId("invitation").hidden = picture.canvas !== null;
  }

  function setPen(hundredths) {
    const slider = byId("pen");
    slider.value = hundredths;
    sheet.pen = Number(slider.value);
    const side = `${(Number(slider.value) / 100) * 14}rem`;
    [byId("nib").style.width, byId("nib").style.height] = [side, side];
  }

  byId("clear").addEventListener("click", () => sheet.clear());
  byId("undo").addEventListener("click", () => sheet.undo());
  byId("pen").addEventListener("input", () => setPen(byId("pen").value));
  byId("sheet").addEventListener("keydown", (event) => {
    const step = { "[": -1, "]": 1 }[event.key];
    if (step) setPen(Number(byId("pen").value) + step);
  });
  setPen(byId("pen").value);
  watchForPictures(open, trouble);
}

begin();
