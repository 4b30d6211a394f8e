// A loss curve as SVG: logarithmic loss over iterations, with axes that say what they measure.
{
  const WIDTH = 360, HEIGHT = 190, LEFT = 52, RIGHT = 10, TOP = 10, BOTTOM = 38;
  const NAMESPACE = "http://www.w3.org/2000/svg";

  nst.curve = (iterations, losses) => {
    const logs = losses.map(Math.log10), [low, high] = [Math.min(...logs), Math.max(...logs)];
    const span = high - low || 1, [start, end] = [iterations[0], iterations.at(-1)];
    const x = (iteration) => LEFT + ((iteration - start) / (end - start)) * (WIDTH - LEFT - RIGHT);
    const y = (log) => TOP + ((high - log) / span) * (HEIGHT - TOP - BOTTOM);
    const svg = element("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" });
    svg.setAttribute("aria-label", `Loss over iterations: from ${said(losses[0])} to ${said(losses.at(-1))} after ${end}`);
    for (const value of marks(low, high)) {
      svg.append(element("line", { class: "rule", x1: LEFT, x2: WIDTH - RIGHT, y1: y(value), y2: y(value) }));
      svg.append(text(said(10 ** value), { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }));
    }
    for (const value of steps(start, end)) svg.append(text(value, { x: x(value), y: HEIGHT - BOTTOM + 16, "text-anchor": "middle" }));
    svg.append(text("iterations", { x: (LEFT + WIDTH - RIGHT) / 2, y: HEIGHT - 4, "text-anchor": "middle" }));
    const points = logs.map((log, i) => `${x(iterations[i]).toFixed(1)} ${y(log).toFixed(1)}`);
    svg.append(element("path", { class: "line", d: `M${points.join("L")}` }));
    return svg;
  };

  // Where the loss axis is marked: at 1, 2, 5 of every power of ten; at powers alone if those are many; or at its ends.
  function marks(low, high) {
    const within = (digits) => {
      const found = [];
      for (let power = Math.floor(low); power <= high; power++) {
        for (const digit of digits) found.push(power + Math.log10(digit));
      }
      return found.filter((value) => value >= low && value <= high);
    };
    const fine = within([1, 2, 5]), coarse = within([1]);
    if (fine.length < 2) return low < high ? [low, high] : [low];
    if (fine.length <= 5) return fine;
    return coarse.length >= 2 ? coarse.filter((_, i) => i % Math.ceil(coarse.length / 5) === 0) : fine.slice(0, 5);
  }

  function steps(start, end) {
    const rough = (end - start) / 4, power = 10 ** Math.floor(Math.log10(rough));
    const step = Math.max(1, [1, 2, 5, 10].map((digit) => digit * power).find((size) => size >= rough));
    const found = [];
    for (let value = Math.ceil(start / step) * step; value <= end; value += step) found.push(value);
    return found;
  }

  function said(value) {
    if (value === 0 || (Math.abs(value) >= 1e-3 && Math.abs(value) < 1e5)) {
      return Number(value.toPrecision(3)).toLocaleString("en", { maximumFractionDigits: 6 });
    }
    const [digits, power] = value.toExponential(1).split("e");
    return `${Number(digits)}·10${[...String(Number(power))].map((sign) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(sign)]).join("")}`;
  }

  function element(name, attributes) {
    const made = document.createElementNS(NAMESPACE, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  }

  function text(content, attributes) {
    const made = element("text", attributes);
    made.textContent = content;
    return made;
  }
}
