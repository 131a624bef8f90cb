// What the network says and sees: the guess, a bar for each class, and the image that went in.

const MAX_BARS = 12; // of more classes the likeliest are shown, in their order

const percent = (share) => (share == null ? "–" : `${(100 * share).toFixed(1)}%`);

export class AnswerView {
  #names;
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
    more.textContent = `The ${MAX_BARS} likeliest of ${this.#names.length} classes.`;
    const size = `${model.image.width}×${model.image.height} pixels`;
    document.getElementById("how").textContent =
      model.preprocessing === "digit"
        ? `${size}: light on dark, cropped, scaled and centered by its mass, as the images that it was trained on.`
        : `${size}: the whole sheet, scaled, light on dark.`;
    this.clear();
  }

  clear() {
    this.#guess("–", "nothing drawn yet");
    const none = this.#names.map((name, i) => ({ class: i, name, probability: 0 }));
    this.#bars(none, -1);
    const seen = document.getElementById("seen");
    seen.getContext("2d").clearRect(0, 0, seen.width, seen.height);
    seen.setAttribute("aria-label", "The drawing as the network sees it: empty");
  }

  show(answer) {
    this.#guess(answer.name, `with ${percent(answer.probability)}`);
    this.#bars(answer.probabilities, answer.class);
    const { width, height, pixels } = answer.image;
    const seen = document.getElementById("seen");
    const image = new ImageData(width, height);
    pixels.forEach((level, i) => image.data.set([level, level, level, 255], 4 * i));
    seen.getContext("2d").putImageData(image, 0, 0);
    seen.setAttribute("aria-label", `The drawing as the network sees it, ${width} by ${height} pixels`);
  }

  /** The guess in words. */
  static inWords(answer) {
    return `${answer.name}, ${percent(answer.probability)}`;
  }

  #guess(name, sure) {
    const output = document.getElementById("name");
    output.textContent = name;
    output.classList.toggle("long", [...name].length > 6);
    document.getElementById("sure").textContent = sure;
  }

  #bars(shares, best) {
    const likeliest = [...shares].sort((a, b) => b.probability - a.probability).slice(0, this.#rows.length);
    likeliest.sort((a, b) => a.class - b.class);
    likeliest.forEach((share, i) => {
      const { row, name, bar, value } = this.#rows[i];
      row.classList.toggle("best", share.class === best);
      name.textContent = name.title = share.name;
      bar.style.transform = `scaleX(${share.probability ?? 0})`;
      value.textContent = best < 0 ? "–" : percent(share.probability);
    });
  }
}
