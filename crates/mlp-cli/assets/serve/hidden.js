// Shows the activations of the hidden layers and the weights of the most active units of the first
// layer. Without hidden layers, it shows the weights of the most likely classes.

const sign = (value) => (value < 0 ? "−" : "");
const short = (value) => (value == null ? "–" : `${sign(value)}${Math.abs(value).toFixed(2)}`);

const COLORS = { negative: [43, 131, 214], positive: [224, 106, 20] };

export class HiddenView {
  #model;
  #layers = [];
  #units = [];

  constructor(model) {
    this.#model = model;
    const place = document.getElementById("layers");
    model.hidden.forEach((units, i) => {
      const box = document.createElement("div");
      box.className = "layer";
      const title = document.createElement("p");
      const plural = units === 1 ? "unit" : "units";
      title.textContent = `Hidden layer ${i + 1} · ${units} ${model.activation} ${plural}`;
      const canvas = document.createElement("canvas");
      canvas.width = Math.min(units, units <= 32 ? units : Math.max(25, Math.ceil(Math.sqrt(4 * units))));
      canvas.height = Math.ceil(units / canvas.width);
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", `Activations of hidden layer ${i + 1}: none`);
      box.append(title, canvas);
      place.append(box);
      this.#layers.push(canvas);
    });
    const { hidden, scale } = model.units;
    const title = document.getElementById("units-title");
    if (!hidden) {
      title.textContent = "Weights of the most likely classes";
      document.getElementById("units-empty").textContent = "Draw to see the weights of each class.";
    } else if (model.hidden.length > 1) {
      title.textContent = "Most active units of layer 1";
    }
    const max = scale.toPrecision(2);
    document.getElementById("legend-text").textContent = `Weight per pixel, from −${max} to ${max}`;
  }

  clear() {
    for (const [i, canvas] of this.#layers.entries()) {
      canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
      canvas.setAttribute("aria-label", `Activations of hidden layer ${i + 1}: none`);
    }
    document.getElementById("units").replaceChildren();
    this.#units = [];
    document.getElementById("units-empty").hidden = false;
  }

  show(answer) {
    answer.hidden.forEach((layer, i) => this.#light(this.#layers[i], layer));
    if (this.#model.units.hidden) {
      const strongest = answer.hidden[0].strongest.filter(({ activation }) => activation !== 0);
      this.#cards(
        strongest.map(({ unit, activation }) => ({
          unit,
          value: activation,
          name: `Unit ${unit}`,
          text: short(activation),
        })),
      );
    } else {
      const sorted = [...answer.probabilities].sort((a, b) => b.probability - a.probability);
      this.#cards(
        sorted.slice(0, 12).map(({ class: unit, name, probability }) => ({
          unit,
          value: probability,
          name,
          text: `${(100 * (probability ?? 0)).toFixed(0)}%`,
        })),
      );
    }
  }

  /** Draws a cell for each unit, with an opacity proportional to |activation|. */
  #light(canvas, { layer, units, activations, strongest }) {
    const context = canvas.getContext("2d");
    const image = context.createImageData(canvas.width, canvas.height);
    const cells = activations ?? [];
    const max = Math.max(1e-9, ...strongest.map(({ activation }) => Math.abs(activation ?? 0)));
    cells.forEach((value, unit) => {
      const color = value < 0 ? COLORS.negative : COLORS.positive;
      image.data.set([...color, Math.round((255 * Math.abs(value ?? 0)) / max)], 4 * unit);
    });
    context.putImageData(image, 0, 0);
    const first = strongest.slice(0, 3).map(({ unit, activation }) => `unit ${unit} ${short(activation)}`);
    const silent = cells.filter((value) => value === 0).length;
    const label = `Activations of hidden layer ${layer}: ${first.join(", ")}; ${silent} of ${units} are zero`;
    canvas.setAttribute("aria-label", label);
  }

  /** Shows units with their weights and activations. Reuses cards to avoid flicker. */
  #cards(shown) {
    const list = document.getElementById("units");
    document.getElementById("units-empty").hidden = shown.length > 0;
    while (this.#units.length < shown.length) this.#units.push(this.#card(list));
    while (this.#units.length > shown.length) this.#units.pop().card.remove();
    const max = Math.max(1e-9, ...shown.map(({ value }) => Math.abs(value ?? 0)));
    shown.forEach(({ unit, value, name, text }, i) => {
      const { image, bar, label, number } = this.#units[i];
      const address = `units/${unit}.png?of=${this.#model.revision}`;
      if (image.getAttribute("src") !== address) image.src = address;
      image.alt = `Weights of ${name}`;
      bar.style.transform = `scaleX(${Math.abs(value ?? 0) / max})`;
      bar.className = value < 0 ? "negative" : "";
      label.textContent = label.title = name;
      number.textContent = text;
    });
  }

  #card(list) {
    const tags = ["li", "img", "div", "span", "div", "span", "span"];
    const [card, image, meter, bar, caption, label, number] = tags.map((tag) => document.createElement(tag));
    [image.width, image.height] = [this.#model.image.width, this.#model.image.height];
    image.style.aspectRatio = `${this.#model.image.width} / ${this.#model.image.height}`;
    image.style.height = "auto";
    [meter.className, caption.className] = ["meter", "caption"];
    meter.setAttribute("aria-hidden", "true");
    meter.append(bar);
    caption.append(label, number);
    card.append(image, meter, caption);
    list.append(card);
    return { card, image, bar, label, number };
  }
}
