// Speaks to the service as the script of a page does: with the preflights of the Fetch standard.
const { JSDOM, VirtualConsole } = require("jsdom");

const [, , origin, address, token] = process.argv;
const { window } = new JSDOM("", {
  url: `${origin}/`,
  virtualConsole: new VirtualConsole(), // what is refused would be told on stderr
});
const request = new window.XMLHttpRequest();
request.open("DELETE", address);
request.setRequestHeader("Authorization", `Bearer ${token}`);
request.setRequestHeader("Content-Type", "application/json");
request.onloadend = () => {
  console.log(JSON.stringify({ status: request.status, read: request.responseText }));
  window.close();
};
request.send("{}");
