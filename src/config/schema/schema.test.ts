import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { accepted } from "../type/value-type.ts";
import { aliases, allOptions, areas, formerNames } from "./schema.ts";

const context = { resolvePath: (path: string) => path };
const vernemqKeys = readFileSync(join(import.meta.dirname, "fixtures", "vernemq-2.2-keys.txt"), "utf8")
  .trim()
  .split("\n");

/** Options that VerneMQ 2.2 does not have. */
const ownKeys = [
  // New here.
  ...["tcp", "ssl", "ws", "wss", "http", "https"].flatMap((kind) => [
    `listener.${kind}.unix_socket_mode`,
    `listener.${kind}.$name.unix_socket_mode`,
  ]),
  "max_write_buffer",
  ...["ws", "wss"].flatMap((kind) => [
    `listener.${kind}.permessage_deflate`,
    `listener.${kind}.$name.permessage_deflate`,
  ]),
  ...["ssl", "wss", "vmqs", "https"].flatMap((kind) => [
    `listener.${kind}.ocspfile`,
    `listener.${kind}.$name.ocspfile`,
  ]),
  ...["ssl", "wss", "https"].flatMap((kind) =>
    ["certfile", "keyfile", "keypasswd", "ocspfile"].map(
      (word) => `listener.${kind}.$name.sni.$certificate.${word}`,
    ),
  ),
  "message_store.max_uncommitted",
  "protection.connection_rate",
  "protection.connection_rate_per_address",
  "protection.flapping_ban",
  "protection.flapping_connects",
  "protection.flapping_window",
  "protection.max_connect_size",
  "protection.max_connections",
  "protection.max_connections_per_address",
  "protection.max_event_loop_lag",
  "protection.max_memory",
  "protection.max_unauthenticated",
  "shared_subscription_group_queue",
  "static_read_buffer",
  "store.sync",
  // Proxies in front of TLS.
  "listener.https.$name.proxy_protocol",
  "listener.https.proxy_protocol",
  "listener.ssl.$name.proxy_protocol",
  "listener.ssl.$name.proxy_protocol_use_cn_as_username",
  "listener.ssl.proxy_protocol",
  "listener.ssl.proxy_protocol_use_cn_as_username",
  "listener.wss.$name.proxy_protocol",
  "listener.wss.$name.proxy_protocol_use_cn_as_username",
  "listener.wss.$name.proxy_xff_cn_header",
  "listener.wss.$name.proxy_xff_support",
  "listener.wss.$name.proxy_xff_trusted_intermediate",
  "listener.wss.$name.proxy_xff_use_cn_as_username",
  "listener.wss.proxy_protocol",
  "listener.wss.proxy_protocol_use_cn_as_username",
  "listener.wss.proxy_xff_support",
  "listener.wss.proxy_xff_trusted_intermediate",
  // From older versions and from the vendor's packages.
  "accept_eula",
  "allow_multiple_sessions",
  "log.crash.maximum_message_size",
  "log.crash.rotation",
  "log.crash.size",
];

test("the schema has the 633 key patterns of VerneMQ 2.2, and no other besides its own", () => {
  assert.equal(new Set(vernemqKeys).size, 633);
  assert.deepEqual([...allOptions.keys()].sort(), [...vernemqKeys, ...ownKeys].sort());
});

test("no option belongs to two areas", () => {
  const keys = areas.flatMap(({ options }) => Object.keys(options));
  assert.equal(keys.length, allOptions.size);
});

test("every default, example and shipped value is allowed by its type", () => {
  for (const [key, option] of allOptions) {
    for (const text of [option.default, option.example, option.shipped?.value]) {
      if (text === undefined) continue;
      const parsed = option.read(text, context);
      assert.ok(parsed.ok, `${key} = ${text}: ${parsed.ok ? "" : parsed.problem}`);
    }
    assert.deepEqual(option.read(undefined, context).ok, true, key);
    if (option.default === undefined)
      assert.deepEqual(option.read(undefined, context), accepted(undefined), key);
  }
});

test("every option is documented by sentences", () => {
  for (const [key, option] of allOptions) assert.match(option.doc, /^[A-Z].{8,}\.$/, key);
});

test("what holds a secret is masked", () => {
  const secrets = [...allOptions].filter(([, option]) => option.secret).map(([key]) => key);
  const named = [...allOptions.keys()].filter((key) =>
    /passw(or)?d$|pwd$|_api_key$|\.psk$|cookie$/.test(key),
  );
  const expected = named.filter((key) => key !== "plugins.vmq_passwd");
  for (const key of expected) assert.ok(secrets.includes(key), key);
  assert.ok(expected.length > 15);
});

test("the options that may be changed on a running node are those of VerneMQ 2.2, and protection", () => {
  const runtime = [...allOptions].filter(([, option]) => option.runtime).map(([key]) => key);
  const server =
    "allow_anonymous allow_register_during_netsplit allow_publish_during_netsplit allow_subscribe_during_netsplit allow_unsubscribe_during_netsplit queue_type retry_interval max_client_id_size max_subscriptions_per_client persistent_client_expiration max_inflight_messages max_online_messages max_offline_messages override_max_online_messages max_message_rate max_message_size upgrade_outgoing_qos systree_enabled systree_interval graphite_enabled graphite_host graphite_port graphite_interval graphite_include_labels shared_subscription_policy remote_enqueue_timeout topic_alias_max_client topic_alias_max_broker max_last_will_delay receive_max_client receive_max_broker suppress_lwt_on_session_takeover coordinate_registrations mqtt_connect_timeout cluster_ready_rpc_timeout disconnect_on_unauthorized_publish_v3 subscriber_retain_mode";
  const plugins =
    "vmq_acl.acl_file vmq_acl.acl_reload_interval vmq_passwd.password_file vmq_passwd.password_reload_interval vmq_diversity.keep_state vmq_webhooks.pool_max_connections vmq_webhooks.pool_timeout vmq_webhooks.cafile vmq_webhooks.certfile vmq_webhooks.keyfile vmq_webhooks.depth vmq_webhooks.verify_peer vmq_webhooks.tls_version";
  const protection = ownKeys.filter((key) => key.startsWith("protection."));
  assert.deepEqual(runtime.sort(), [...`${server} ${plugins}`.split(" "), ...protection].sort());
});

test("former names are not options, and aliases are", () => {
  for (const name of formerNames.keys()) assert.ok(!allOptions.has(name), name);
  for (const [former, present] of aliases) assert.ok(allOptions.has(former) && allOptions.has(present));
});
