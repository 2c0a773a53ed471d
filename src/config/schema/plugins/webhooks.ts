import { compatibility, later, option, optional } from "../../option.ts";
import { listOf } from "../../type/list.ts";
import { integer } from "../../type/number.ts";
import { file } from "../../type/path.ts";
import { enumeration, flag, string } from "../../type/text.ts";

const WEBHOOKS = later("webhooks");

const hookName = enumeration(
  ...[
    "auth_on_register",
    "auth_on_publish",
    "auth_on_subscribe",
    "on_register",
    "on_publish",
    "on_subscribe",
  ],
  ...["on_unsubscribe", "on_deliver", "on_offline_message", "on_client_wakeup", "on_client_offline"],
  ...["on_client_gone", "on_session_expired", "auth_on_register_m5", "auth_on_publish_m5"],
  ...["auth_on_subscribe_m5", "on_register_m5", "on_publish_m5", "on_subscribe_m5", "on_unsubscribe_m5"],
  ...["on_deliver_m5", "on_auth_m5"],
);

/** Hooks that an HTTP service answers. */
export const webhooks = {
  "vmq_webhooks.$name.hook": optional(hookName, {
    doc: "The hook for which this endpoint is called.",
    visibility: "commented",
    example: "auth_on_register",
    status: WEBHOOKS,
  }),
  "vmq_webhooks.$name.endpoint": optional(string, {
    doc: "The URL that is called for this hook.",
    visibility: "commented",
    example: "http://localhost/myendpoints",
    status: WEBHOOKS,
  }),
  "vmq_webhooks.$name.base64encode": option(flag, "on", {
    doc: "Sends payloads in base64.",
    status: WEBHOOKS,
  }),
  "vmq_webhooks.$name.no_payload": option(flag, "off", {
    doc: "Leaves the payload out of what is sent for a publish.",
    status: WEBHOOKS,
  }),
  "vmq_webhooks.$name.response_timeout": option(integer({ min: 1 }), "5000", {
    doc: "How long the answer may take.",
    unit: "milliseconds",
    status: WEBHOOKS,
  }),
  "vmq_webhooks.pool_max_connections": option(integer({ min: 1 }), "100", {
    doc: "How many connections to an endpoint there may be.",
    runtime: true,
    status: WEBHOOKS,
  }),
  "vmq_webhooks.pool_timeout": option(integer({ min: 0 }), "60000", {
    doc: "How long an idle connection is kept.",
    unit: "milliseconds",
    runtime: true,
    status: WEBHOOKS,
  }),
  "vmq_webhooks.cafile": option(file, "", {
    doc: "The certificates of the authorities that may vouch for endpoints, as a PEM file.",
    runtime: true,
    status: WEBHOOKS,
  }),
  "vmq_webhooks.certfile": option(file, "", {
    doc: "The broker's certificate for endpoints that ask for one, as a PEM file.",
    runtime: true,
    status: WEBHOOKS,
  }),
  "vmq_webhooks.keyfile": option(file, "", {
    doc: "The key of that certificate, as a PEM file.",
    runtime: true,
    status: WEBHOOKS,
  }),
  "vmq_webhooks.keyfile_password": option(string, "", {
    doc: "The password of that key.",
    secret: true,
    status: WEBHOOKS,
  }),
  "vmq_webhooks.tls_version": option(listOf("tlsv1", "tlsv1.1", "tlsv1.2", "tlsv1.3"), "tlsv1.2", {
    doc: "The versions of TLS that are used towards endpoints.",
    visibility: "commented",
    runtime: true,
    status: WEBHOOKS,
  }),
  "vmq_webhooks.verify_peer": option(flag, "on", {
    doc: "Checks the certificates of endpoints.",
    runtime: true,
    status: WEBHOOKS,
  }),
  "vmq_webhooks.depth": option(integer({ min: 0 }), "100", {
    doc: "How many certificates may lie between an endpoint's certificate and the authority's.",
    runtime: true,
    status: WEBHOOKS,
  }),
  "vmq_webhooks.use_crls": option(flag, "on", {
    doc: "Looks for revoked certificates.",
    status: WEBHOOKS,
  }),
  "vmq_webhooks.clique_lead_line": option(string, " webhooks Manage webhooks ", {
    doc: "A line of the help of vmq-admin.",
    status: compatibility("the help of commands cannot be configured"),
  }),
};
