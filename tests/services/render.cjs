// Opens a page as a browser would, and prints what it shows and whom it asked.
const { JSDOM, VirtualConsole, requestInterceptor } = require("jsdom");

const [, , address, selector, count] = process.argv;
const asked = [];
const failures = [];
const console_ = new VirtualConsole();
console_.on("jsdomError", (error) => failures.push(String(error.message)));

JSDOM.fromURL(address, {
  runScripts: "dangerously",
  pretendToBeVisual: true,
  virtualConsole: console_,
  resources: { interceptors: [requestInterceptor((request) => void asked.push(request.url))] },
  beforeParse(window) {
    Object.assign(window, { Headers, Request, Response, TextDecoder, TextEncoder, structuredClone });
    window.fetch = (resource, options) => {
      const url = new URL(resource.url ?? resource, address);
      asked.push(url.href);
      return fetch(url, options);
    };
    window.matchMedia = () => ({ matches: false, addEventListener() {}, addListener() {} });
  },
}).then(({ window }) => {
  setInterval(() => {
    const shown = window.document.querySelectorAll(selector).length;
    if (shown < Number(count)) return;
    console.log(JSON.stringify({ shown, asked, failures }));
    process.exit(0);
  }, 50);
});
