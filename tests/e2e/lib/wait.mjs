// Waiting for what happens, with a limit. No test sleeps: it waits for an event, and the limit only says that something is broken.

export const PATIENCE_MS = Number(process.env.E2E_PATIENCE_MS ?? 30_000);

/** The promise's outcome, or an error that says what did not come. */
export async function within(what, promise, ms = PATIENCE_MS) {
    let timer;
    const late = new Promise((resolve, reject) => {
        timer = setTimeout(() => reject(new Error(`waited ${ms} ms for ${what}`)), ms);
    });
    try {
        return await Promise.race([promise, late]);
    } finally {
        clearTimeout(timer);
    }
}

/** Whatever comes from a server, in order: to be taken one after the other, or waited for. */
export class Inbox {
    #items = [];
    #waiting = [];
    #end = null;

    push(item) {
        this.#items.push(item);
        this.#serve();
    }

    /** Nothing more will come: who waits is told. */
    end(why = 'the end') {
        this.#end = why;
        this.#serve();
    }

    get size() {
        return this.#items.length;
    }

    /** What has come and was not taken. */
    peek() {
        return [...this.#items];
    }

    /** The next item, whatever it is; or the next that fits, with those before it dropped. */
    next(what = 'the next item', fits = () => true, ms = PATIENCE_MS) {
        const promise = new Promise((resolve, reject) => this.#waiting.push({ fits, resolve, reject }));
        this.#serve();
        return within(what, promise, ms).catch((error) => {
            error.message += `; came: ${JSON.stringify(this.#items).slice(0, 500)}`;
            throw error;
        });
    }

    #serve() {
        while (this.#waiting.length > 0) {
            const { fits, resolve, reject } = this.#waiting[0];
            const at = this.#items.findIndex(fits);
            if (at >= 0) {
                const item = this.#items[at];
                this.#items.splice(0, at + 1);
                this.#waiting.shift();
                resolve(item);
            } else if (this.#end) {
                this.#waiting.shift();
                reject(new Error(`nothing more comes: ${this.#end}`));
            } else {
                return;
            }
        }
    }
}

/** Looks again and again until it is so, for what nobody announces. */
export async function until(condition, what) {
    const end = Date.now() + PATIENCE_MS;
    while (!(await condition())) {
        if (Date.now() > end) throw new Error(`waited ${PATIENCE_MS} ms for ${what}`);
        await new Promise((resolve) => setTimeout(resolve, 5));
    }
}
