// Following one job: events as they come; where they break off, asking now and then until they can come again.

class Follower {
  // heard(job) at each change; lost(sentence) when the server is gone, lost("") when it is back; forgotten() if it no
  // longer knows the job.
  constructor(heard, lost, forgotten) {
    Object.assign(this, { heard, lost, forgotten, id: null, source: null, timer: 0, breaks: 0 });
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
      this.tell(JSON.parse(event.data));
    };
    this.source.onerror = () => {
      this.source.close();
      this.breaks += 1;
      this.later(() => this.look());
    };
  }

  tell(job) {
    if (FINAL.includes(job.state)) this.stop();
    this.lost("");
    this.heard(job);
  }

  later(what) {
    clearTimeout(this.timer);
    this.timer = setTimeout(what, Math.min(5000, 500 * 2 ** Math.min(this.breaks - 1, 4)));
  }

  async look() {
    const { id } = this;
    try {
      const job = await ask(jobAddress(id));
      if (id !== this.id) return;
      this.tell(job);
      // Some proxies swallow events: after a few breaks in a row, asking must do.
      if (id === this.id && this.breaks < 3) this.listen();
      else if (id === this.id) this.timer = setTimeout(() => this.look(), 1000);
    } catch (fault) {
      if (id === this.id) this.missed(fault);
    }
  }

  missed(fault) {
    if (fault.status === 404) {
      this.stop();
      return this.forgotten();
    }
    this.lost("The server does not answer. Trying again until it does.");
    this.breaks = Math.max(1, Math.min(this.breaks, 2)) + (fault.status ? 1 : 0);
    this.timer = setTimeout(() => this.look(), 2000);
  }
}

const jobAddress = (id) => `/api/jobs/${encodeURIComponent(id)}`;
