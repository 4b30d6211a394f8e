// Asking the server, and its own sentence where it says no.

const GONE = "The server does not answer. Try again in a moment.";

class Refusal extends Error {
  constructor(sentence, status) {
    super(sentence);
    this.status = status; // 0: there was no answer
  }
}

async function ask(address, { method = "GET", json } = {}) {
  const request = { method, headers: { Accept: "application/json" } };
  if (json !== undefined) {
    request.headers["Content-Type"] = "application/json";
    request.body = JSON.stringify(json);
  }
  let response, text;
  try {
    response = await fetch(address, request);
    text = await response.text();
  } catch {
    throw new Refusal(GONE, 0);
  }
  return understood(response.status, text);
}

function understood(status, text) {
  let said = null;
  try {
    said = text ? JSON.parse(text) : null;
  } catch {
    // a proxy's page, perhaps: the status must do
  }
  if (status >= 200 && status < 300) return said;
  throw new Refusal(said?.error ?? `The server answered ${status} and gave no reason. Try again in a moment.`, status);
}

// What fetch cannot do: tell how far an upload has come. `signal` stops it.
function upload(file, progress, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const form = new FormData();
    form.append("file", file, file.name || "pasted.png");
    request.open("POST", "/api/uploads");
    request.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
    request.onload = () => {
      try {
        resolve(understood(request.status, request.responseText));
      } catch (refusal) {
        reject(refusal);
      }
    };
    request.onerror = () => cutOff(file).then(reject);
    request.onabort = () => reject(new DOMException("another picture was chosen", "AbortError"));
    signal.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}

// A server that hangs up in the middle of an upload has either refused it or is gone.
async function cutOff(file) {
  try {
    const { limits } = await ask("/api/options");
    if (file.size > limits.upload_bytes) return new Refusal(tooLarge(limits), 413);
    return new Refusal("The upload was cut off. Try it again.", 0);
  } catch (refusal) {
    return refusal;
  }
}
