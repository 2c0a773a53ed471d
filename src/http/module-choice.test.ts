import assert from "node:assert/strict";
import { test } from "node:test";
import { chooseModules } from "./module-choice.ts";

test("of the default what there is is served, with a remark about the rest", () => {
  const { served, warnings, remarks } = chooseModules([
    { name: "vmq_metrics_http", auth: "noauth", wished: false },
    { name: "vmq_http_mgmt_api", auth: "apikey", wished: false },
    { name: "vmq_health_http", auth: "noauth", wished: false },
    { name: "vmq_status_http", auth: "noauth", wished: false },
  ]);
  assert.deepEqual(served, ["vmq_metrics_http", "vmq_health_http"]);
  assert.deepEqual(warnings, []);
  assert.match(remarks.join(), /does not have yet: vmq_http_mgmt_api, vmq_status_http$/);
});

test("what is asked for and not served is warned about, and nothing that asks for a key is served", () => {
  const { served, warnings, remarks } = chooseModules([
    { name: "vmq_metrics_http", auth: "apikey", wished: true },
    { name: "vmq_web_ui", auth: "noauth", wished: true },
    { name: "vmq_mgmt_http", auth: "noauth", wished: true },
  ]);
  assert.deepEqual([served, remarks], [[], []]);
  assert.equal(warnings.length, 3);
  assert.match(warnings[0] ?? "", /vmq_metrics_http is not served: its auth\.mode is apikey/);
  assert.match(warnings[1] ?? "", /vmq_web_ui is not served: this version does not have it yet/);
  assert.match(warnings[2] ?? "", /there is no HTTP module vmq_mgmt_http; there are vmq_health_http, /);
});
