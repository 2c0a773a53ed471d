import { createHash, pbkdf2, randomBytes, timingSafeEqual } from "node:crypto";
import { WorkLimit } from "./work-limit.ts";

/** A stored password: VerneMQ's one-pass SHA-512 (`$6$`), or Mosquitto's PBKDF2 (`$7$`). */
export type PasswordHash =
  | { readonly kind: "sha512"; readonly salt: Buffer; readonly hash: Buffer }
  | { readonly kind: "pbkdf2"; readonly iterations: number; readonly salt: Buffer; readonly hash: Buffer };

/** Bytes of salt in new lines. */
const SALT_LENGTH = 12;
/** Bytes of a SHA-512. */
const HASH_LENGTH = 64;
/** Iterations that a file may ask for: more would be a way to keep the broker busy. */
const MOST_ITERATIONS = 10_000_000;
const LONGEST_SALT = 1024;

/** One thread of the pool at a time; what waits longer than the hook's deadline is refused anyway. */
const slowWork = new WorkLimit(1, 1000);

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function decoded(text: string | undefined): Buffer | null {
  return text !== undefined && text !== "" && BASE64.test(text) ? Buffer.from(text, "base64") : null;
}

function sha512(password: Buffer, salt: Buffer): Buffer {
  return createHash("sha512").update(password).update(salt).digest();
}

/** Reads what stands after `username:`; null when it is no stored password. */
export function parsePasswordHash(text: string): PasswordHash | null {
  const [empty, kind, ...fields] = text.split("$");
  if (empty !== "") return null;
  const salt = decoded(fields.at(-2));
  const hash = decoded(fields.at(-1));
  if (salt === null || hash === null || salt.length > LONGEST_SALT || hash.length !== HASH_LENGTH)
    return null;
  if (kind === "6" && fields.length === 2) return { kind: "sha512", salt, hash };
  if (kind !== "7" || fields.length !== 3) return null;
  const count = fields[0] ?? "";
  const iterations = /^\d{1,8}$/.test(count) ? Number(count) : 0;
  if (iterations < 1 || iterations > MOST_ITERATIONS) return null;
  return { kind: "pbkdf2", iterations, salt, hash };
}

/** The stored form of a password, with a fresh salt: `$6$SALT$HASH`. */
export function hashPassword(password: string): string {
  const salt = randomBytes(SALT_LENGTH);
  return `$6$${salt.toString("base64")}$${sha512(Buffer.from(password), salt).toString("base64")}`;
}

/**
 * Whether the password is the stored one. The comparison takes the same time wherever they differ. The slow kind is
 * worked out off the event loop and gives a promise.
 */
export function verifyPassword(stored: PasswordHash, password: Buffer): boolean | Promise<boolean> {
  if (stored.kind === "sha512") return timingSafeEqual(sha512(password, stored.salt), stored.hash);
  return slowWork.run(() => verifyPbkdf2(stored.iterations, stored.salt, stored.hash, password));
}

function verifyPbkdf2(iterations: number, salt: Buffer, hash: Buffer, password: Buffer): Promise<boolean> {
  return new Promise((resolve, reject) => {
    pbkdf2(password, salt, iterations, HASH_LENGTH, "sha512", (cause, derived) => {
      if (cause !== null) reject(cause);
      else resolve(timingSafeEqual(derived, hash));
    });
  });
}

/** A stored password of the same cost that no password fits: what unknown users are compared with. */
export function decoyOf(stored: PasswordHash | undefined): PasswordHash {
  const fresh = { salt: randomBytes(SALT_LENGTH), hash: randomBytes(HASH_LENGTH) };
  return stored?.kind === "pbkdf2"
    ? { kind: "pbkdf2", iterations: stored.iterations, ...fresh }
    : { kind: "sha512", ...fresh };
}
