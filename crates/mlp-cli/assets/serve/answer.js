// Shows the prediction, a bar for each class, and the network's input.

const MAX_BARS = 12;
const NONE = "–";

const percent = (value) => (value == null ? NONE : `${(100 * value).toFixed(1)}%`);

export class AnswerView {
  #names;
  #how;
  #rows = [];

  constructor(model) {
    this.#names = model.classes;
    const list = document.getElementById("bars");
    for (let i = 0; i < Math.min(MAX_BARS, this.#names.length); i += 1) {
      const row = document.createElement("li");
      const [name, track, bar, value] = ["name", "track", "bar", "value"].map((part) => {
        const element = document.createElement(part === "name" || part === "value" ? "span" : "div");
        element.className = part;
        return element;
      });
      track.setAttribute("aria-hidden", "true");
      track.append(bar);
      row.append(name, track, value);
      list.append(row);
      this.#rows.push({ row, name, bar, value });
    }
    const seen = document.getElementById("seen");
    [seen.width, seen.height] = [model.image.width, model.image.height];
    const more = document.getElementById("more");
    more.hidden = this.#names.length <= MAX_BARS;
    more.textContent = `Top ${MAX_BARS} of ${this.#names.length} classes`;
    const size = `${model.image.width}×${model.image.height} pixels`;
    this.#how =
      model.preprocessing === "digit"
        ? `cropped, centered and scaled to ${size}, like the training data`
        : `scaled to ${size}`;
    this.#explain(true, []);
    this.clear();
  }

  clear(reason = "No drawing yet") {
    this.#predict(NONE, reason);
    this.#explain(true, []);
    const none = this.#names.map((name, i) => ({ class: i, name, probability: 0 }));
    this.#bars(none, -1);
    const seen = document.getElementById("seen");
    seen.getContext("2d").clearRect(0, 0, seen.width, seen.height);
    seen.setAttribute("aria-label", "Network input: empty");
  }

  show(answer) {
    this.#predict(answer.name, `${percent(answer.probability)} confident`);
    this.#bars(answer.probabilities, answer.class);
    this.#explain(answer.inverted, answer.notes);
    const { width, height, pixels } = answer.image;
    const seen = document.getElementById("seen");
    const image = new ImageData(width, height);
    pixels.forEach((level, i) => image.data.set([level, level, level, 255], 4 * i));
    seen.getContext("2d").putImageData(image, 0, 0);
    seen.setAttribute("aria-label", `Network input, ${width} by ${height} pixels`);
  }

  /** The prediction for screen readers. */
  static inWords(answer) {
    return `${answer.name}, ${percent(answer.probability)}`;
  }

  #explain(inverted, notes) {
    const how = inverted ? `inverted, ${this.#how}` : this.#how;
    document.getElementById("how").textContent = how[0].toUpperCase() + how.slice(1);
    // The part after the semicolon is advice for programs.
    const sentences = notes.map((note) => `${note[0].toUpperCase()}${note.slice(1).split(";")[0]}.`);
    document.getElementById("notes").textContent = sentences.join(" ");
    document.getElementById("notes").hidden = sentences.length === 0;
  }

  #predict(name, confidence) {
    const output = document.getElementById("name");
    output.textContent = name;
    output.classList.toggle("long", [...name].length > 6);
    output.classList.toggle("empty", name === NONE);
    document.getElementById("confidence").textContent = confidence;
  }

  #bars(shares, best) {
    const shown = [...shares].sort((a, b) => b.probability - a.probability).slice(0, this.#rows.length);
    shown.sort((a, b) => a.class - b.class);
    shown.forEach((share, i) => {
      const { row, name, bar, value } = this.#rows[i];
      row.classList.toggle("best", share.class === best);
      name.textContent = name.title = share.name;
      bar.style.transform = `scaleX(${share.probability ?? 0})`;
      value.textContent = best < 0 ? NONE : percent(share.probability);
    });
  }
}
