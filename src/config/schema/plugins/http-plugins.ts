import { later, option, optional } from "../../option.ts";
import { enumeration, flag, string } from "../../type/text.ts";

const PUBLISH = later("publishing over HTTP");
const WEB_UI = later("the web interface");
const visibility = "commented";

/** Publishing over HTTP, when a listener says nothing else. */
export const httpPublish = {
  "vmq_http_pub.mqtt_auth.mode": option(enumeration("on-behalf-of", "predefined"), "on-behalf-of", {
    doc: "Whose rights are asked for: those of the user whom the request names (on-behalf-of), or of one that is configured (predefined).",
    visibility,
    status: PUBLISH,
  }),
  "vmq_http_pub.mqtt_auth.auth_plugin": option(string, "mqtt", {
    doc: "The plugins that are asked: mqtt for those of MQTT clients.",
    visibility,
    status: PUBLISH,
  }),
  "vmq_http_pub.mqtt_auth.user": optional(string, { doc: "The configured user.", status: PUBLISH }),
  "vmq_http_pub.mqtt_auth.password": optional(string, {
    doc: "The configured user's password.",
    secret: true,
    status: PUBLISH,
  }),
  "vmq_http_pub.mqtt_auth.client_id": optional(string, {
    doc: "The configured user's client id.",
    status: PUBLISH,
  }),
  "vmq_http_pub.mountpoint": optional(string, {
    doc: "The mountpoint that is published to.",
    status: PUBLISH,
  }),
};

/** The web interface. */
export const webUi = {
  "vmq_web_ui.admin.auth": option(string, "password", {
    doc: "How administrators prove who they are.",
    visibility,
    status: WEB_UI,
  }),
  "vmq_web_ui.admin.user_name": option(string, "admin", {
    doc: "The administrator's name.",
    visibility,
    status: WEB_UI,
  }),
  "vmq_web_ui.admin.user_pwd": option(string, "", {
    doc: "The administrator's password.",
    visibility,
    example: "my-password",
    secret: true,
    status: WEB_UI,
  }),
  "vmq_web_ui.mgmt_api.key": option(string, "", {
    doc: "The API key with which the web interface uses the management API.",
    visibility,
    example: "my-key",
    secret: true,
    status: WEB_UI,
  }),
  "vmq_web_ui.mgmt_api.port": option(string, "", {
    doc: "The port of the management API.",
    visibility,
    example: "8888",
    status: WEB_UI,
  }),
  "vmq_web_ui.mgmt_api.scheme": option(string, "", {
    doc: "The scheme of the management API: http or https.",
    visibility,
    example: "http",
    status: WEB_UI,
  }),
  "vmq_web_ui.file_access.allow_read": option(flag, "off", {
    doc: "Lets administrators read files of the broker.",
    visibility,
    status: WEB_UI,
  }),
  "vmq_web_ui.file_access.allow_write": option(flag, "off", {
    doc: "Lets administrators change files of the broker.",
    visibility,
    status: WEB_UI,
  }),
};
