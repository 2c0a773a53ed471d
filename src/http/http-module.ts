import type { IncomingHttpHeaders } from "node:http";

/** A request, as far as modules need it. */
export interface HttpRequest {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
}

/** What a request is answered with. */
export interface HttpAnswer {
  readonly status: number;
  /** The media type of the body; undefined without one. */
  readonly type?: string;
  readonly body?: string;
}

/** What a module serves at one path. */
export interface Route {
  /** The whole path; it is compared exactly. */
  readonly path: string;
  /** Others are answered with 405; undefined: any method is answered. */
  readonly methods?: readonly string[];
  answer(request: HttpRequest): HttpAnswer;
}

/** A part of what an HTTP listener serves, chosen by its name in `http_modules`. */
export interface HttpModule {
  readonly name: string;
  readonly routes: readonly Route[];
}
