import { handleAuth } from "./authenticating.ts";
import { handleConnect, refuseConnect } from "./connecting.ts";
import { deliverThroughHook } from "./deliver-hook.ts";
import { handleDisconnect } from "./disconnecting.ts";
import { authorizePublish, tellPublished } from "./publish-authorization.ts";
import type { Session } from "./session.ts";
import type { SessionProcedures } from "./session-procedures.ts";
import { handleSubscribe, handleUnsubscribe } from "./subscribing.ts";

/** Everything a session does off the hot path. */
export const procedures: SessionProcedures<Session> = {
  control(session, packet) {
    switch (packet.kind) {
      case "connect":
        handleConnect(session, packet);
        return;
      case "subscribe":
        handleSubscribe(session, packet);
        return;
      case "unsubscribe":
        handleUnsubscribe(session, packet);
        return;
      case "disconnect":
        handleDisconnect(session, packet);
        return;
      case "auth":
        handleAuth(session, packet);
    }
  },
  refuseConnect,
  authorizePublish,
  tellPublished,
  deliverThroughHook,
};
