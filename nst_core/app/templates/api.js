// Calls of the server's API; its own sentence where it says no.

const NO_ANSWER = "The server does not answer. Try again in a moment.";

class ApiError extends Error {
  constructor(sentence, status) {
    super(sentence);
    this.status = status; // 0: there was no answer
  }
}

async function callApi(address, { method = "GET", json, form } = {}) {
  const request = { method, headers: { Accept: "application/json" } };
  if (json !== undefined) {
    request.headers["Content-Type"] = "application/json";
    request.body = JSON.stringify(json);
  }
  if (form !== undefined) request.body = form;
  let response, text;
  try {
    response = await fetch(address, request);
    text = await response.text();
  } catch {
    throw new ApiError(NO_ANSWER, 0);
  }
  return parseAnswer(response.status, text);
}

function parseAnswer(status, text) {
  let data = null;
  try {
    data = text ? JSON.parse(text) : null;
  } catch {
    // a proxy's page, perhaps: the status must do
  }
  if (status >= 200 && status < 300) return data;
  throw new ApiError(data?.error ?? `The server answered ${status} and gave no reason. Try again in a moment.`, status);
}

// Uploads with progress, which fetch cannot tell. `signal` stops it.
function sendFile(file, progress, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const form = new FormData();
    form.append("file", file, file.name || "pasted.png");
    request.open("POST", "/api/uploads");
    request.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
    request.onload = () => {
      try {
        resolve(parseAnswer(request.status, request.responseText));
      } catch (error) {
        reject(error);
      }
    };
    request.onerror = () => uploadError(file).then(reject);
    request.onabort = () => reject(new DOMException("another picture was chosen", "AbortError"));
    signal.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}

// A server that hangs up in the middle of an upload has either refused it or is gone.
async function uploadError(file) {
  try {
    const { limits } = await callApi("/api/options");
    if (file.size > limits.upload_bytes) return new ApiError(tooLarge(limits), 413);
    return new ApiError("The upload was cut off. Try it again.", 0);
  } catch (error) {
    return error;
  }
}
