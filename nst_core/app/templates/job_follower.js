// The events of one job, as they come; where they break off, the job is polled until they can come again.

class JobFollower {
  // onChange(job) at each change; onFault(sentence) when the server is gone, onFault("") when it is back; onGone() if it
  // no longer knows the job.
  constructor(onChange, onFault, onGone) {
    Object.assign(this, { onChange, onFault, onGone, id: null, source: null, timer: 0, breaks: 0 });
  }

  follow(id) {
    this.stop();
    this.id = id;
    this.listen();
  }

  stop() {
    this.id = null;
    this.breaks = 0;
    this.source?.close();
    clearTimeout(this.timer);
  }

  listen() {
    this.source = new EventSource(`${jobAddress(this.id)}/events`);
    this.source.onmessage = (event) => {
      this.breaks = 0;
      this.receive(JSON.parse(event.data));
    };
    this.source.onerror = () => {
      this.source.close();
      this.breaks += 1;
      this.retryLater(() => this.poll());
    };
  }

  receive(job) {
    if (FINAL.includes(job.state)) this.stop();
    this.onFault("");
    this.onChange(job);
  }

  retryLater(action) {
    clearTimeout(this.timer);
    this.timer = setTimeout(action, Math.min(5000, 500 * 2 ** Math.min(this.breaks - 1, 4)));
  }

  async poll() {
    const { id } = this;
    try {
      const job = await callApi(jobAddress(id));
      if (id !== this.id) return;
      this.receive(job);
      // Some proxies swallow events: after a few breaks in a row, polling must do.
      if (id === this.id && this.breaks < 3) this.listen();
      else if (id === this.id) this.timer = setTimeout(() => this.poll(), 1000);
    } catch (fault) {
      if (id === this.id) this.fail(fault);
    }
  }

  fail(fault) {
    if (fault.status === 404) {
      this.stop();
      return this.onGone();
    }
    this.onFault("The server does not answer. Trying again until it does.");
    this.breaks = Math.max(1, Math.min(this.breaks, 2)) + (fault.status ? 1 : 0);
    this.timer = setTimeout(() => this.poll(), 2000);
  }
}

const jobAddress = (id) => `/api/jobs/${encodeURIComponent(id)}`;
