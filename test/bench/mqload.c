// mqload: an MQTT 3.1.1 / 5 load generator. One thread, epoll, coalesced reads and writes; libc only.
// Build: cc -O2 -o mqload mqload.c; with TLS cc -O2 -DWITH_TLS -o mqload mqload.c -lssl -lcrypto. Scenarios and options: README.md. One file, so that one command builds
// it.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#ifdef WITH_TLS
#include <openssl/ssl.h>
#endif

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t i64;

// ---------- options ----------
static struct {
  const char *scenario, *host, *user, *pass, *label, *topo;
  int port, sub_port, n, pubs, subs, qos, subqos, size, window, inflight, share, v5, warm_ms, dur_ms, hold_ms;
  int conc, srcs, retained, before, msgs, filters, hot, keep, churn, batch, drain_ms, wide, keepalive, nap_us,
      persist, exact_half, receiver, wipe, probe_ms;
  int tls, tls_resume, ws;
  double rate;
  u64 seed;
} o = {.host = "127.0.0.1",
       .port = 1883,
       .sub_port = 0,
       .n = 50,
       .pubs = -1,
       .subs = -1,
       .qos = 0,
       .subqos = -1,
       .size = 100,
       .window = 0,
       .inflight = 0,
       .warm_ms = 2000,
       .dur_ms = 5000,
       .hold_ms = 3000,
       .conc = 100,
       .srcs = 8,
       .retained = 10000,
       .msgs = 50000,
       .filters = 100000,
       .hot = 1000,
       .batch = 100,
       .drain_ms = 3000,
       .nap_us = -1,
       .keepalive = 0,
       .seed = 42,
       .label = "",
       .topo = "p2p",
       .receiver = 1};

static u64 now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (u64)t.tv_sec * 1000000000ull + t.tv_nsec;
}
static u64 rng_s;
static u32 rnd(void) {
  rng_s ^= rng_s << 13;
  rng_s ^= rng_s >> 7;
  rng_s ^= rng_s << 17;
  return (u32)(rng_s >> 32);
}
static void die(const char* f, ...) {
  va_list a;
  va_start(a, f);
  vfprintf(stderr, f, a);
  va_end(a);
  fputc('\n', stderr);
  exit(2);
}

// ---------- latency histogram: 64 sub-buckets per power of two ----------
#define HB (64 * 64)
static u64 hist[HB];
static u64 hist_n;
static u64 hist_max;
static inline void hist_add(u64 ns) {
  if ((i64)ns < 0) ns = 0;
  if (ns > hist_max) hist_max = ns;
  int b;
  if (ns < 64) b = (int)ns;
  else {
    int l = 63 - __builtin_clzll(ns);
    b = (l - 5) * 64 + (int)((ns >> (l - 6)) & 63);
  }
  if (b >= HB) b = HB - 1;
  hist[b]++;
  hist_n++;
}
static double hist_q(double q) {
  if (!hist_n) return 0;
  u64 want = (u64)(q * (double)hist_n), c = 0;
  if (want >= hist_n) want = hist_n - 1;
  for (int b = 0; b < HB; b++) {
    c += hist[b];
    if (c > want) {
      if (b < 64) return b / 1e6;
      int l = b / 64 + 5;
      u64 v = ((u64)(64 + (b & 63))) << (l - 6);
      return v / 1e6;
    }
  }
  return hist_max / 1e6;
}
static void hist_reset(void) {
  memset(hist, 0, sizeof hist);
  hist_n = hist_max = 0;
}

// ---------- broker process tree ----------
static int bpids[16], nbp;
static long clk, pagesz;
struct ptree {
  double cpu;
  double rss_mb;
  int procs;
};
static struct ptree broker_now(void) {
  struct ptree r = {0};
  if (!nbp) return r;
  static int pid[32768], pp[32768];
  static double pc[32768], pr[32768];
  int n = 0;
  DIR* d = opendir("/proc");
  struct dirent* e;
  while ((e = readdir(d)) && n < 32768) {
    if (e->d_name[0] < '0' || e->d_name[0] > '9') continue;
    char p[300], b[1024];
    snprintf(p, sizeof p, "/proc/%s/stat", e->d_name);
    int f = open(p, O_RDONLY);
    if (f < 0) continue;
    int k = read(f, b, sizeof b - 1);
    close(f);
    if (k <= 0) continue;
    b[k] = 0;
    char* q = strrchr(b, ')');
    if (!q) continue;
    int ppid;
    unsigned long ut, st;
    long rss;
    if (sscanf(q + 2,
               "%*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d %*d %*d %*u %*u %ld",
               &ppid, &ut, &st, &rss) != 4)
      continue;
    pid[n] = atoi(e->d_name);
    pp[n] = ppid;
    pc[n] = (double)(ut + st) / clk;
    pr[n] = (double)rss * pagesz / 1048576.0;
    n++;
  }
  closedir(d);
  static u8 in[32768];
  memset(in, 0, n);
  for (int i = 0; i < n; i++)
    for (int j = 0; j < nbp; j++)
      if (pid[i] == bpids[j]) in[i] = 1;
  for (int ch = 1; ch;) {
    ch = 0;
    for (int i = 0; i < n; i++)
      if (!in[i])
        for (int j = 0; j < n; j++)
          if (in[j] && pp[i] == pid[j]) {
            in[i] = 1;
            ch = 1;
            break;
          }
  }
  for (int i = 0; i < n; i++)
    if (in[i]) {
      r.cpu += pc[i];
      r.rss_mb += pr[i];
      r.procs++;
    }
  return r;
}
// busy CPU seconds of the whole machine (without idle and iowait), steal included
static double machine_cpu(void) {
  FILE* f = fopen("/proc/stat", "r");
  unsigned long long v[8] = {0};
  if (!f) return 0;
  if (fscanf(f, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", v, v + 1, v + 2, v + 3, v + 4, v + 5, v + 6,
             v + 7) < 8)
    v[0] = 0;
  fclose(f);
  return (double)(v[0] + v[1] + v[2] + v[5] + v[6] + v[7]) / clk;
}
static double peak_rss, m_other = -1, m_span;
static u64 next_sample;
static void sample_rss(u64 t) {
  if (nbp && t >= next_sample) {
    struct ptree p = broker_now();
    if (p.rss_mb > peak_rss) peak_rss = p.rss_mb;
    next_sample = t + 500000000ull;
  }
}
static double self_cpu(void) {
  struct rusage r;
  getrusage(RUSAGE_SELF, &r);
  return r.ru_utime.tv_sec + r.ru_stime.tv_sec + (r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

// ---------- connections ----------
enum { S_NEW, S_TCP, S_TLS, S_HTTP, S_ACK, S_UP, S_CLOSED };
enum { R_IDLE, R_PUB, R_SUB };
struct conn {
  int fd;
  u8 st, role, wantout, dirty, clean, closing;
  u16 pid;
  int inflight, maxinfl, grp, idx, subacks;
  u8* ib;
  u32 il, ic;
  u8* ob;
  u32 ol, oc;
  u8* tpl;
  u32 tlen, tpid, tpay;
  u32 seq;
  u64 recv, acked, t0, psent;
  u32* last;
  char* cid;
  int port;
  int sp;
  u64 wleft;  // bytes of the current WebSocket frame that are still to come
  u8 whead[10], wheadn, wskip;
#ifdef WITH_TLS
  SSL* ssl;
#endif
};
struct grp {
  u64 sent, sum, minrecv, lost, window, lastprog, lastgot;
  int natmin, summode, p0, np, s0, ns, rr;
  u8 dirty;
};

static struct conn* C;
static int NC;
static struct grp* G;
static int NG;
static int *dirtyq, ndirty;
static int ep;
static u64 tot_sent, tot_recv, tot_dup, tot_ooo, tot_closed, tot_refused, n_up, tot_acked, n_suback, subfail,
    n_gone, conn_err;
static u64 meas_from, meas_to;
static u64 m_sent, m_recv, m_recv_acks;
static bool running, acks_only;  // acks_only: the histogram holds acknowledgement times, not deliveries
static int npubs_total;
#define SCR (1 << 20)
static u8 rbuf[SCR + 65536], wbuf[SCR], ackb[SCR];

static int varint(u8* p, u32 v) {
  int n = 0;
  do {
    u8 b = v & 127;
    v >>= 7;
    if (v) b |= 128;
    p[n++] = b;
  } while (v);
  return n;
}

static void conn_ep(struct conn* c, int op, u32 ev) {
  struct epoll_event e = {.events = ev, .data.u32 = (u32)(c - C)};
  if (epoll_ctl(ep, op, c->fd, &e) < 0 && op != EPOLL_CTL_DEL) die("epoll_ctl: %s", strerror(errno));
}

// ---------- TLS: the three places where bytes meet the socket ----------
#ifdef WITH_TLS
static SSL_CTX* tls_ctx;
static SSL_SESSION* tls_session;
static u64 tls_shaken, tls_resumed;

static int tls_new_session(SSL* ssl, SSL_SESSION* session) {
  (void)ssl;
  if (tls_session) SSL_SESSION_free(tls_session);
  tls_session = session;
  return 1;
}
static void tls_setup(void) {
  int version = o.tls == 12 ? TLS1_2_VERSION : TLS1_3_VERSION;
  tls_ctx = SSL_CTX_new(TLS_client_method());
  if (!tls_ctx) die("TLS cannot be set up");
  SSL_CTX_set_min_proto_version(tls_ctx, version);
  SSL_CTX_set_max_proto_version(tls_ctx, version);
  SSL_CTX_set_mode(tls_ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  if (o.tls_resume) {
    SSL_CTX_set_session_cache_mode(tls_ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(tls_ctx, tls_new_session);
  }
}
static ssize_t tls_result(struct conn* c, int k) {
  int e = SSL_get_error(c->ssl, k);
  errno = e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE ? EAGAIN : EPIPE;
  return e == SSL_ERROR_ZERO_RETURN ? 0 : -1;
}
static void tls_begin(struct conn* c) {
  c->ssl = SSL_new(tls_ctx);
  if (!c->ssl) die("out of memory");
  SSL_set_fd(c->ssl, c->fd);
  SSL_set_connect_state(c->ssl);
  if (o.tls_resume && tls_session) SSL_set_session(c->ssl, tls_session);
}
static ssize_t sock_send(struct conn* c, const u8* p, u32 n) {
  if (!c->ssl) return send(c->fd, p, n, MSG_NOSIGNAL);
  u32 done = 0;
  while (done < n) {
    int k = SSL_write(c->ssl, p + done, (int)(n - done));
    if (k <= 0) {
      ssize_t r = tls_result(c, k);
      return done && errno == EAGAIN ? (ssize_t)done : r ? r : -1;
    }
    done += (u32)k;
  }
  return done;
}
static ssize_t sock_recv(struct conn* c, u8* p, u32 n) {
  if (!c->ssl) return recv(c->fd, p, n, 0);
  u32 done = 0;
  while (done < n) {
    int k = SSL_read(c->ssl, p + done, (int)(n - done));
    if (k <= 0) return done ? (ssize_t)done : tls_result(c, k);
    done += (u32)k;
  }
  return done;
}
static bool sock_pending(struct conn* c) { return c->ssl && SSL_pending(c->ssl) > 0; }
#else
static ssize_t sock_send(struct conn* c, const u8* p, u32 n) { return send(c->fd, p, n, MSG_NOSIGNAL); }
static ssize_t sock_recv(struct conn* c, u8* p, u32 n) { return recv(c->fd, p, n, 0); }
static bool sock_pending(struct conn* c) {
  (void)c;
  return false;
}
#endif

static void conn_gone(struct conn* c, bool expected) {
  if (c->st == S_CLOSED) return;
  if (!expected) {
    if (c->st == S_UP) tot_closed++;
    else conn_err++;
  }
  if (c->st == S_UP) n_up--;
  if (o.scenario[0] == 's') {
    struct linger l = {1, 0};
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &l, sizeof l);
  }  // thousands a second: leave no TIME_WAIT
  c->st = S_CLOSED;
#ifdef WITH_TLS
  if (c->ssl) {
    SSL_set_quiet_shutdown(c->ssl, 1);
    SSL_shutdown(c->ssl);  // otherwise the session would not be resumed
    SSL_free(c->ssl);
    c->ssl = 0;
  }
#endif
  close(c->fd);
  c->fd = -1;
  n_gone++;
  free(c->ib);
  free(c->ob);
  c->ib = c->ob = 0;
  c->il = c->ic = c->ol = c->oc = 0;
  c->wantout = 0;
}
static void conn_send(struct conn* c, const u8* p, u32 n) {
  if (c->st == S_CLOSED) return;
  u32 w = 0;
  if (!c->ol) {
    ssize_t k = sock_send(c, p, n);
    if (k < 0) {
      if (errno != EAGAIN && errno != EWOULDBLOCK) {
        conn_gone(c, c->closing);
        return;
      }
      k = 0;
    }
    w = (u32)k;
  }
  if (w < n) {
    if (c->ol + n - w > c->oc) {
      c->oc = (c->ol + n - w) * 2;
      c->ob = realloc(c->ob, c->oc);
    }
    memcpy(c->ob + c->ol, p + w, n - w);
    c->ol += n - w;
    if (!c->wantout) {
      c->wantout = 1;
      conn_ep(c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
    }
  }
}

// ---------- WebSocket: a masked binary frame around every packet, as clients send them ----------
static u8* wframes;
static u32 wframes_room;
static u32 ws_frame(u8* to, const u8* p, u32 n) {
  u32 at = 0, mask = rnd() | 1;
  to[at++] = 0x82;
  if (n < 126) to[at++] = 0x80 | n;
  else if (n < 65536) {
    to[at++] = 0x80 | 126;
    to[at++] = n >> 8;
    to[at++] = n;
  } else {
    to[at++] = 0x80 | 127;
    for (int k = 7; k >= 0; k--) to[at++] = (u64)n >> (8 * k);
  }
  memcpy(to + at, &mask, 4);
  at += 4;
  u64 wide = (u64)mask << 32 | mask, v;
  u32 i = 0;
  for (; i + 8 <= n; i += 8) {
    memcpy(&v, p + i, 8);
    v ^= wide;
    memcpy(to + at + i, &v, 8);
  }
  for (; i < n; i++) to[at + i] = p[i] ^ (u8)(mask >> (8 * (i & 3)));
  return at + n;
}
// n bytes of whole packets
static void conn_write(struct conn* c, const u8* p, u32 n) {
  if (!o.ws) {
    conn_send(c, p, n);
    return;
  }
  u32 room = n + 14 * (n / 2 + 1);  // no packet is shorter than 2 bytes
  if (room > wframes_room) wframes = realloc(wframes, wframes_room = room);
  u32 w = 0;
  for (u32 i = 0; i < n;) {
    u32 rl = 0, sh = 0, j = i + 1;
    u8 b;
    do {
      b = p[j++];
      rl |= (u32)(b & 127) << sh;
      sh += 7;
    } while (b & 128);
    w += ws_frame(wframes + w, p + i, j + rl - i);
    i = j + rl;
  }
  conn_send(c, wframes, w);
}
// Leaves of n received bytes what is inside of frames with data; how much that is
static u32 ws_strip(struct conn* c, u8* p, u32 n) {
  u32 i = 0, w = 0;
  while (i < n) {
    if (c->wleft) {
      u32 take = n - i < c->wleft ? n - i : (u32)c->wleft;
      if (!c->wskip) {
        memmove(p + w, p + i, take);
        w += take;
      }
      i += take;
      c->wleft -= take;
      continue;
    }
    u8* h = c->whead;
    h[c->wheadn++] = p[i++];
    u32 l = c->wheadn < 2 ? 0 : h[1] & 127, more = l == 126 ? 2 : l == 127 ? 8 : 0;
    if (c->wheadn < 2 + more) continue;
    if (h[1] & 128) die("masked frame from broker");
    c->wleft = more ? 0 : l;
    for (u32 k = 0; k < more; k++) c->wleft = c->wleft << 8 | h[2 + k];
    c->wskip = (h[0] & 15) > 2;
    c->wheadn = 0;
  }
  return w;
}
static void ws_begin(struct conn* c) {
  char b[300];
  int n = snprintf(b, sizeof b,
                   "GET /mqtt HTTP/1.1\r\nHost: %s:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                   "Sec-WebSocket-Protocol: mqtt\r\n\r\n",
                   o.host, o.port);
  c->st = S_HTTP;
  c->wleft = c->wheadn = 0;
  conn_send(c, (u8*)b, n);
}
static void conn_flush(struct conn* c) {
  ssize_t k = sock_send(c, c->ob, c->ol);
  if (k < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK) return;
    conn_gone(c, c->closing);
    return;
  }
  if ((u32)k < c->ol) memmove(c->ob, c->ob + k, c->ol - k);
  c->ol -= k;
  if (!c->ol) {
    free(c->ob);
    c->ob = 0;
    c->oc = 0;
    c->wantout = 0;
    conn_ep(c, EPOLL_CTL_MOD, EPOLLIN);
  }
}
static void conn_open(struct conn* c) {
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (c->fd < 0) die("socket: %s (raise ulimit -n)", strerror(errno));
  int one = 1;
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (o.srcs > 0 && !strncmp(o.host, "127.", 4)) {
    setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    struct sockaddr_in s = {.sin_family = AF_INET};
    s.sin_addr.s_addr = htonl(0x7f000002u + (u32)((c - C) % o.srcs));
    if (bind(c->fd, (void*)&s, sizeof s) < 0) die("bind: %s", strerror(errno));
  }
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(c->port ? c->port : o.port)};
  inet_pton(AF_INET, o.host, &a.sin_addr);
  c->st = S_TCP;
  c->t0 = now_ns();
  c->ol = c->il = 0;
  c->inflight = 0;
  c->wantout = 1;
  c->closing = 0;
  c->subacks = 0;
  if (connect(c->fd, (void*)&a, sizeof a) < 0 && errno != EINPROGRESS) die("connect: %s", strerror(errno));
  conn_ep(c, EPOLL_CTL_ADD, EPOLLIN | EPOLLOUT);
}
static int put_str(u8* p, const char* s) {
  int n = strlen(s);
  p[0] = n >> 8;
  p[1] = n;
  memcpy(p + 2, s, n);
  return n + 2;
}
static void send_connect(struct conn* c) {
  u8 b[1024], *p = b;
  p += put_str(p, "MQTT");
  *p++ = o.v5 ? 5 : 4;
  *p++ = (c->clean ? 2 : 0) | (o.user ? 0x80 : 0) | (o.pass ? 0x40 : 0);
  *p++ = o.keepalive >> 8;
  *p++ = o.keepalive;
  if (o.v5) {
    if (c->clean) *p++ = 0;
    else {
      *p++ = 5;
      *p++ = 0x11;
      *p++ = 0;
      *p++ = 0;
      *p++ = 14;
      *p++ = 16;
    }
  }
  char cid[64];
  if (c->cid) snprintf(cid, sizeof cid, "%s", c->cid);
  else snprintf(cid, sizeof cid, "mql-%d-%d", (int)getpid(), (int)(c - C));
  p += put_str(p, cid);
  if (o.user) p += put_str(p, o.user);
  if (o.pass) p += put_str(p, o.pass);
  u8 h[8];
  h[0] = 0x10;
  int k = 1 + varint(h + 1, p - b);
  memmove(b + k, b, p - b);
  memcpy(b, h, k);
  c->st = S_ACK;
  conn_write(c, b, (p - b) + k);
}
// SUBSCRIBE with nf filters
static void send_subscribe(struct conn* c, char** f, int nf, int qos) {
  u32 need = 16;
  for (int i = 0; i < nf; i++) need += strlen(f[i]) + 3;
  u8 *b = malloc(need + 8), *p = b + 8;
  if (!++c->pid) c->pid = 1;
  *p++ = c->pid >> 8;
  *p++ = c->pid;
  if (o.v5) *p++ = 0;
  for (int i = 0; i < nf; i++) {
    p += put_str(p, f[i]);
    *p++ = qos;
  }
  u32 len = p - (b + 8);
  u8 h[8];
  h[0] = 0x82;
  int k = 1 + varint(h + 1, len);
  memcpy(b + 8 - k, h, k);
  c->subacks++;
  conn_write(c, b + 8 - k, len + k);
  free(b);
}
static u32 build_pub(u8* b, const char* topic, int qos, int retain, u32 size, u32* pidoff, u32* payoff) {
  u32 tl = strlen(topic), rl = 2 + tl + (qos ? 2 : 0) + (o.v5 ? 1 : 0) + size, p = 0;
  b[p++] = 0x30 | qos << 1 | retain;
  p += varint(b + p, rl);
  p += put_str(b + p, topic);
  *pidoff = p;
  if (qos) {
    b[p++] = 0;
    b[p++] = 0;
  }
  if (o.v5) b[p++] = 0;
  *payoff = p;
  memset(b + p, 'x', size);
  return p + size;
}
static void make_tpl(struct conn* c, const char* topic, int qos, int retain, u32 size) {
  free(c->tpl);
  c->tpl = malloc(size + strlen(topic) + 32);
  c->tlen = build_pub(c->tpl, topic, qos, retain, size, &c->tpid, &c->tpay);
}
static void mark(int g) {
  if (g >= 0 && !G[g].dirty) {
    G[g].dirty = 1;
    dirtyq[ndirty++] = g;
  }
}

static void got_publish(struct conn* c, const u8* pay, u32 n, bool dup, u64 t) {
  c->recv++;
  tot_recv++;
  if (dup) tot_dup++;
  if (n >= 16) {
    u64 ts;
    u32 pub, seq;
    memcpy(&ts, pay, 8);
    memcpy(&pub, pay + 8, 4);
    memcpy(&seq, pay + 12, 4);
    if (t >= meas_from && t < meas_to) {
      m_recv++;
      if (!acks_only) hist_add(t - ts);
    }
    if (c->last && pub < (u32)npubs_total) {
      if (seq <= c->last[pub]) tot_ooo++;
      else c->last[pub] = seq;
    }
  } else if (t >= meas_from && t < meas_to) m_recv++;
  if (c->grp >= 0) {
    struct grp* g = &G[c->grp];
    g->sum++;
    g->lastgot = t;
    if (!g->summode && c->recv - 1 == g->minrecv && --g->natmin == 0) {
      u64 m = ~0ull;
      int k = 0;
      for (int i = g->s0; i < g->s0 + g->ns; i++) {
        u64 v = C[i].recv;
        if (v < m) {
          m = v;
          k = 1;
        } else if (v == m) k++;
      }
      g->minrecv = m;
      g->natmin = k;
    }
    mark(c->grp);
  }
}
static u32 v5_connack_recvmax(const u8* p, u32 n) {
  u32 i = 0, rm = 65535;
  while (i < n) {
    u8 id = p[i++];
    switch (id) {
      case 0x21:
        rm = p[i] << 8 | p[i + 1];
        i += 2;
        break;
      case 0x11:
      case 0x27: i += 4; break;
      case 0x22:
      case 0x13: i += 2; break;
      case 0x24:
      case 0x25:
      case 0x28:
      case 0x29:
      case 0x2a: i += 1; break;
      case 0x12:
      case 0x1f:
      case 0x1a:
      case 0x1c:
      case 0x15:
      case 0x16: i += 2 + (p[i] << 8 | p[i + 1]); break;
      case 0x26:
        i += 2 + (p[i] << 8 | p[i + 1]);
        i += 2 + (p[i] << 8 | p[i + 1]);
        break;
      default: return rm;
    }
  }
  return rm;
}
static void keep_input(struct conn* c, const u8* p, u32 n) {
  if (n > c->ic) {
    c->ic = n < 512 ? 512 : n;
    free(c->ib);
    c->ib = malloc(c->ic);
  }
  memcpy(c->ib, p, n);
  c->il = n;
}
static void on_readable(struct conn* c) {
  u32 have = c->il;
  if (have) {
    memcpy(rbuf, c->ib, have);
    c->il = 0;
  }
  ssize_t k = sock_recv(c, rbuf + have, SCR - have > 262144 ? 262144 : SCR - have);
  if (k <= 0) {
    if (k < 0 && (errno == EAGAIN || errno == EINTR)) {
      c->il = have;
      return;
    }
    conn_gone(c, c->closing);
    return;
  }
  if (c->st == S_HTTP) {
    // The broker says nothing more before it has got CONNECT.
    if (!memmem(rbuf, have + k, "\r\n\r\n", 4)) keep_input(c, rbuf, have + (u32)k);
    else if (have + k > 12 && !memcmp(rbuf, "HTTP/1.1 101", 12)) send_connect(c);
    else {
      if (!conn_err) fprintf(stderr, "upgrade refused: %.*s\n", (int)(have + k), (char*)rbuf);
      conn_gone(c, false);
    }
    return;
  }
  if (o.ws) k = ws_strip(c, rbuf + have, (u32)k);
  u64 t = now_ns();
  u32 n = have + (u32)k, i = 0, an = 0;
  while (n - i >= 2) {
    u32 rl = 0, sh = 0, j = i + 1;
    bool ok = false;
    while (j < n) {
      u8 b = rbuf[j++];
      rl |= (u32)(b & 127) << sh;
      sh += 7;
      if (!(b & 128)) {
        ok = true;
        break;
      }
      if (sh > 21) die("bad length from broker");
    }
    if (!ok || n - j < rl) break;
    u8 h = rbuf[i];
    u8* p = rbuf + j;
    i = j + rl;
    switch (h >> 4) {
      case 2:
        if (p[1]) {
          tot_refused++;
          if (tot_refused == 1) fprintf(stderr, "CONNACK refused: %d\n", p[1]);
          conn_gone(c, true);
          return;
        }
        c->maxinfl = o.inflight;
        if (o.v5 && rl > 3) {
          u32 pl = p[2], off = 3;
          if (pl & 128) {
            pl = (pl & 127) | p[3] << 7;
            off = 4;
          }
          u32 rm = v5_connack_recvmax(p + off, pl);
          if ((int)rm < c->maxinfl) c->maxinfl = rm;
        }
        c->st = S_UP;
        n_up++;
        if (!running) hist_add(t - c->t0);
        if (c->grp >= 0) mark(c->grp);
        break;
      case 3: {
        u32 tl = p[0] << 8 | p[1], q = (h >> 1) & 3, off = 2 + tl;
        u16 pid = 0;
        if (q) {
          pid = p[off] << 8 | p[off + 1];
          off += 2;
        }
        if (o.v5) {
          u32 pl = 0, s = 0;
          u8 b;
          do {
            b = p[off++];
            pl |= (u32)(b & 127) << s;
            s += 7;
          } while (b & 128);
          off += pl;
        }
        if (q) {
          u8* a = ackb + an;
          a[0] = q == 1 ? 0x40 : 0x50;
          a[1] = 2;
          a[2] = pid >> 8;
          a[3] = pid;
          an += 4;
        }
        got_publish(c, p + off, rl - off, h & 8, t);
        break;
      }
      case 4:
      case 7:
        if (c->psent) {
          if (t >= meas_from && t < meas_to) {
            hist_add(t - c->psent);
            m_recv_acks++;
          }
          c->psent = 0;
        }
        c->inflight--;
        c->acked++;
        tot_acked++;
        mark(c->grp);
        break;
      case 5: {
        u8* a = ackb + an;
        a[0] = 0x62;
        a[1] = 2;
        a[2] = p[0];
        a[3] = p[1];
        an += 4;
        break;
      }
      case 6: {
        u8* a = ackb + an;
        a[0] = 0x70;
        a[1] = 2;
        a[2] = p[0];
        a[3] = p[1];
        an += 4;
        break;
      }
      case 9:
        c->subacks--;
        n_suback++;
        {
          u32 off = 2;
          if (o.v5) off += 1 + p[2];
          for (; off < rl; off++)
            if (p[off] >= 0x80) subfail++;
        }
        break;
      case 14: conn_gone(c, c->closing); return;
      default: break;
    }
    if (an > SCR - 16) {
      conn_write(c, ackb, an);
      an = 0;
    }
  }
  if (i < n) keep_input(c, rbuf + i, n - i);
  else if (c->ic > 4096 || c->role == R_IDLE) {
    free(c->ib);
    c->ib = 0;
    c->ic = 0;
  }
  if (an) conn_write(c, ackb, an);
}
// ---------- publishing ----------
static int n_hot;
static u8* hot_pk;
static u32 *hot_off, *hot_len, *hot_pid, *hot_pay;
// append up to `want` PUBLISH packets on c; returns how many
static u32 publish(struct conn* c, u32 want, u64 ts) {
  if (c->st != S_UP || c->ol) return 0;
  if (o.qos) {
    int a = c->maxinfl - c->inflight;
    if (a <= 0) return 0;
    if (want > (u32)a) want = a;
  }
  if (want > (u32)o.batch) want = o.batch;
  u32 k = 0, w = 0;
  while (k < want) {
    u8* src;
    u32 len, po, yo;
    if (n_hot) {
      int h = rnd() % n_hot;
      src = hot_pk + hot_off[h];
      len = hot_len[h];
      po = hot_pid[h];
      yo = hot_pay[h];
    } else {
      src = c->tpl;
      len = c->tlen;
      po = c->tpid;
      yo = c->tpay;
    }
    if (w + len > SCR) break;
    u8* d = wbuf + w;
    memcpy(d, src, len);
    w += len;
    if (o.qos) {
      if (!++c->pid) c->pid = 1;
      d[po] = c->pid >> 8;
      d[po + 1] = c->pid;
      c->inflight++;
    }
    c->seq++;
    u32 id = c->idx;
    memcpy(d + yo, &ts, 8);
    memcpy(d + yo + 8, &id, 4);
    memcpy(d + yo + 12, &c->seq, 4);
    k++;
  }
  if (w) conn_write(c, wbuf, w);
  tot_sent += k;
  if (ts >= meas_from && ts < meas_to) m_sent += k;
  if (c->grp >= 0) G[c->grp].sent += k;
  return k;
}
static inline i64 backlog(struct grp* g) {
  i64 b = (i64)(g->sent - g->lost) - (i64)(g->summode ? g->sum : g->minrecv);
  return b < 0 ? 0 : b;
}
static void pump_windows(u64 t) {
  int n = ndirty;
  ndirty = 0;
  for (int i = 0; i < n; i++) {
    struct grp* g = &G[dirtyq[i]];
    g->dirty = 0;
    if (!running) continue;
    i64 av = (i64)g->window - backlog(g);
    if (av <= 0) continue;
    // hysteresis: several publishers share the credit in small bursts
    for (int tries = 0; tries < g->np && av > 0; tries++) {
      struct conn* c = &C[g->p0 + g->rr];
      g->rr = (g->rr + 1) % g->np;
      u32 q = (u32)((av + g->np - 1) / g->np);
      if (q < 4) q = 4;
      if ((i64)q > av) q = (u32)av;
      av -= publish(c, q, t);
    }
  }
}
static u64 rate_t0, rate_done;
static int rate_rr, rate_p0, rate_np;
static u64 rate_late;
static void pump_rate(u64 t) {
  if (!running) return;
  u64 due = (u64)((double)(t - rate_t0) / 1e9 * o.rate);
  u64 guard = 0;
  while (rate_done < due && guard++ < 100000) {
    u64 at = rate_t0 + (u64)((double)rate_done / o.rate * 1e9);
    u64 ts = t - at > 1000000 ? at : t;
    struct conn* c = &C[rate_p0 + rate_rr];
    rate_rr = (rate_rr + 1) % rate_np;
    if (publish(c, 1, ts) == 0) {
      rate_late++;
      if (guard > (u64)rate_np * 2) break;
      continue;
    }
    rate_done++;
  }
}
static u64 stalls;
static void check_stall(u64 t) {
  for (int i = 0; i < NG; i++) {
    struct grp* g = &G[i];
    if (!g->ns) continue;
    u64 got = g->summode ? g->sum : g->minrecv;
    if (got != g->lastprog || backlog(g) < (i64)g->window) {
      g->lastprog = got;
      g->lastgot = t;
    } else if (t - g->lastgot > 1500000000ull) {
      stalls++;
      g->lost += (u64)backlog(g);
      g->lastgot = t;
      mark(i);
    }
  }
}
// ---------- event loop ----------
static struct epoll_event evs[1024];

// the way to the broker is open
static void conn_begin(struct conn* c) {
  if (o.ws) ws_begin(c);
  else send_connect(c);
}

#ifdef WITH_TLS
static void tls_step(struct conn* c) {
  int k = SSL_do_handshake(c->ssl);
  if (k == 1) {
    tls_shaken++;
    if (SSL_session_reused(c->ssl)) tls_resumed++;
    conn_begin(c);
    return;
  }
  int e = SSL_get_error(c->ssl, k);
  if (e == SSL_ERROR_WANT_READ) return;
  if (e == SSL_ERROR_WANT_WRITE) return;  // a handshake fits into any socket's buffer
  if (!conn_err) fprintf(stderr, "TLS handshake failed\n");
  conn_gone(c, false);
}
#endif

static void loop_once(u64 timeout_ns) {
  struct timespec ts = {.tv_sec = timeout_ns / 1000000000ull, .tv_nsec = timeout_ns % 1000000000ull};
  int n = epoll_pwait2(ep, evs, 1024, &ts, NULL);
  if (n < 0 && errno != EINTR) die("epoll: %s", strerror(errno));
  for (int i = 0; i < n; i++) {
    struct conn* c = &C[evs[i].data.u32];
    u32 e = evs[i].events;
    if (c->st == S_CLOSED || c->st == S_NEW) continue;
    if (c->st == S_TCP && (e & (EPOLLOUT | EPOLLERR | EPOLLHUP))) {
      int err = 0;
      socklen_t l = sizeof err;
      getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &l);
      if (err) {
        if (!conn_err && strcmp(o.scenario, "ready")) fprintf(stderr, "connect: %s\n", strerror(err));
        conn_gone(c, false);
        continue;
      }
      c->wantout = 0;
      conn_ep(c, EPOLL_CTL_MOD, EPOLLIN);
#ifdef WITH_TLS
      if (o.tls) {
        c->st = S_TLS;
        tls_begin(c);
        tls_step(c);
        continue;
      }
#endif
      conn_begin(c);
      continue;
    }
#ifdef WITH_TLS
    if (c->st == S_TLS) {
      tls_step(c);
      continue;
    }
#endif
    if (e & (EPOLLIN | EPOLLHUP | EPOLLERR)) do on_readable(c);
      while (c->st != S_CLOSED && sock_pending(c));
    if (c->st != S_CLOSED && (e & EPOLLOUT) && c->ol) {
      conn_flush(c);
      if (c->grp >= 0) mark(c->grp);
    }
  }
}
static void connect_range(int a, int b, int timeout_s) {
  for (int i = a; i < b; i++)
    if (C[i].st == S_CLOSED) C[i].st = S_NEW;
  u64 up0 = n_up, bad0 = conn_err + tot_refused;
  int next = a;
  u64 end = now_ns() + (u64)timeout_s * 1000000000ull;
  while (now_ns() < end) {
    u64 done = (n_up - up0) + (conn_err + tot_refused - bad0);
    if (done >= (u64)(b - a)) break;
    while (next < b && (u64)(next - a) - done < (u64)o.conc) conn_open(&C[next++]);
    loop_once(10000000);
    sample_rss(now_ns());
  }
  if (conn_err + tot_refused > bad0)
    fprintf(stderr, "warning: %llu connections failed\n",
            (unsigned long long)(conn_err + tot_refused - bad0));
}
static void wait_subs(int a, int b, int timeout_s) {
  u64 end = now_ns() + (u64)timeout_s * 1000000000ull;
  while (now_ns() < end) {
    int left = 0;
    for (int i = a; i < b; i++)
      if (C[i].st == S_UP && C[i].subacks > 0) {
        left++;
        break;
      }
    if (!left) return;
    loop_once(10000000);
    sample_rss(now_ns());
  }
  fprintf(stderr, "warning: SUBACK missing\n");
}
// --probe: every so many ms a fresh client connects; how long it waits for its CONNACK
static u64 phist[1 << 16];
static u64 probe_n, probe_next, probe_lost;
static void probe(u64 t) {
  struct conn* c = &C[NC - 1];
  if (c->st == S_UP) {
    u64 us = (t - c->t0) / 1000, b = us / 10;
    phist[b < (1 << 16) ? b : (1 << 16) - 1]++;
    probe_n++;
    c->closing = 1;
    u8 d[2] = {0xe0, 0};
    conn_write(c, d, 2);
    if (c->st == S_UP) conn_gone(c, true);
  }
  if ((c->st == S_TCP || c->st == S_ACK) && t - c->t0 > 5000000000ull) {
    probe_lost++;
    conn_gone(c, true);
  }
  if ((c->st == S_NEW || c->st == S_CLOSED) && t >= probe_next) {
    probe_next = t + (u64)o.probe_ms * 1000000ull;
    conn_open(c);
  }
}
static double probe_q(double q) {
  u64 c = 0, want = (u64)(q * (double)probe_n);
  for (int i = 0; i < 1 << 16; i++) {
    c += phist[i];
    if (c > want) return i / 100.0;
  }
  return 0;
}
// CPU of all others between other_begin and other_end, and for how long that was
static double mk0, mc0, mb0;
static u64 mt0;
static void other_begin(void) {
  mk0 = machine_cpu();
  mc0 = self_cpu();
  mb0 = broker_now().cpu;
  mt0 = now_ns();
}
static void other_end(void) {
  m_other = machine_cpu() - mk0 - (self_cpu() - mc0) - (broker_now().cpu - mb0);
  if (m_other < 0) m_other = 0;
  m_span = (now_ns() - mt0) / 1e9;
}
static void disconnect_range(int a, int b) {
  for (int i = a; i < b; i++) {
    struct conn* c = &C[i];
    if (c->st != S_UP) continue;
    c->closing = 1;
    u8 d[2] = {0xe0, 0};
    conn_write(c, d, 2);
    if (c->st == S_UP) {
      shutdown(c->fd, SHUT_WR);
    }
  }
  u64 end = now_ns() + 5000000000ull;
  while (now_ns() < end) {
    int left = 0;
    for (int i = a; i < b; i++)
      if (C[i].st == S_UP || C[i].st == S_TCP || C[i].st == S_ACK) {
        left = 1;
        break;
      }
    if (!left) break;
    loop_once(10000000);
  }
  for (int i = a; i < b; i++)
    if (C[i].st != S_CLOSED && C[i].st != S_NEW) conn_gone(&C[i], true);
}
static void spin_ms(int ms) {
  u64 e = now_ns() + (u64)ms * 1000000ull;
  while (now_ns() < e) {
    loop_once(5000000);
    sample_rss(now_ns());
  }
}
static void alloc_conns(int n) {
  NC = n;
  C = calloc(n, sizeof *C);
  for (int i = 0; i < n; i++) {
    C[i].fd = -1;
    C[i].grp = -1;
    C[i].clean = 1;
    C[i].port = o.port;
  }
}
static void alloc_grps(int n) {
  NG = n;
  G = calloc(n ? n : 1, sizeof *G);
  dirtyq = calloc(n ? n : 1, sizeof *dirtyq);
}

// ---------- output ----------
static void jhead(void) {
  printf("{\"scenario\":\"%s\",\"label\":\"%s\",\"qos\":%d,\"v\":%d,\"size\":%d,\"dur_s\":%.1f", o.scenario,
         o.label, o.qos, o.v5 ? 5 : 4, o.size, o.dur_ms / 1000.0);
}
static void jtail(double gen, double brk) {
  if (m_other >= 0) printf(",\"other_cpu_s\":%.2f,\"other_span_s\":%.2f", m_other, m_span);
  printf(
      ",\"gen_cpu_s\":%.2f,\"broker_cpu_s\":%.2f,\"broker_peak_rss_mb\":%.1f,\"dup\":%llu,\"misordered\":%"
      "llu,\"closed\":%llu,\"refused\":%llu,\"subfail\":%llu,\"stalls\":%llu}\n",
      gen, brk, peak_rss, (unsigned long long)tot_dup, (unsigned long long)tot_ooo,
      (unsigned long long)tot_closed, (unsigned long long)(tot_refused + conn_err),
      (unsigned long long)subfail, (unsigned long long)stalls);
}
// measured traffic phase on groups already set up
static void traffic(int p0, int np, u64 expect_mult_sum /* deliveries per message */, const char* extra) {
  hist_reset();
  if (o.nap_us < 0) o.nap_us = 500;
  running = true;
  u64 t = now_ns();
  meas_from = t + (u64)o.warm_ms * 1000000ull;
  meas_to = meas_from + (u64)o.dur_ms * 1000000ull;
  rate_t0 = t;
  rate_p0 = p0;
  rate_np = np;
  for (int i = 0; i < NG; i++) {
    mark(i);
    G[i].lastgot = t;
  }
  double c0 = 0, c1 = 0, b0 = 0, b1 = 0;
  bool in = false;
  u64 nstall = t;
  while (t < meas_to) {
    if (!in && t >= meas_from) {
      in = true;
      c0 = self_cpu();
      b0 = broker_now().cpu;
      other_begin();
    }
    if (o.rate > 0) {
      pump_rate(t);
      ndirty = 0;
      for (int i = 0; i < NG; i++) G[i].dirty = 0;
      loop_once(200000);
    } else {
      // a short nap lets bytes gather in the sockets, so that one recv() takes several packets: the generator
      // stays cheap
      pump_windows(t);
      if (o.nap_us) {
        struct timespec z = {0, o.nap_us * 1000l};
        nanosleep(&z, NULL);
      }
      loop_once(2000000);
    }
    t = now_ns();
    sample_rss(t);
    if (o.probe_ms && in) probe(t);
    if (o.rate <= 0 && t >= nstall) {
      check_stall(t);
      nstall = t + 100000000ull;
    }
  }
  c1 = self_cpu();
  b1 = broker_now().cpu;
  other_end();
  running = false;
  double secs = (double)o.dur_ms / 1000;
  u64 end = now_ns() + (u64)o.drain_ms * 1000000ull;
  u64 want = tot_sent * expect_mult_sum;
  u64 lastr = tot_recv, lastt = now_ns();
  while (now_ns() < end || now_ns() - lastt < 1000000000ull) {
    if (tot_recv >= want) break;
    loop_once(5000000);
    if (tot_recv != lastr) {
      lastr = tot_recv;
      lastt = now_ns();
    }
    if (now_ns() > end + 20000000000ull) break;
  }
  i64 loss = (i64)want - (i64)tot_recv;
  jhead();
  printf(
      ",%s\"sent_per_s\":%.0f,\"recv_per_s\":%.0f,\"sent\":%llu,\"expected\":%llu,\"received\":%llu,\"loss\":"
      "%lld,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"p999_ms\":%.3f,\"max_ms\":%.1f",
      extra, m_sent / secs, m_recv / secs, (unsigned long long)tot_sent, (unsigned long long)want,
      (unsigned long long)tot_recv, (long long)loss, hist_q(.5), hist_q(.99), hist_q(.999), hist_max / 1e6);
  if (o.probe_ms)
    printf(",\"probes\":%llu,\"probe_p50_ms\":%.2f,\"probe_p99_ms\":%.2f,\"probe_lost\":%llu",
           (unsigned long long)probe_n, probe_q(.5), probe_q(.99), (unsigned long long)probe_lost);
  if (o.rate > 0) printf(",\"rate\":%.0f,\"late\":%llu", o.rate, (unsigned long long)rate_late);
  jtail(c1 - c0, b1 - b0);
}
static void sub1(struct conn* c, const char* f, int qos) {
  char* a[1] = {(char*)f};
  send_subscribe(c, a, 1, qos);
}

// ---------- scenarios ----------
static void wipe_sessions(void);
static void make_persistent(int a, int b);
static void sc_topo(const char* topo) {
  int np, ns;
  bool p2p = !strcmp(topo, "p2p"), fanout = !strcmp(topo, "fanout");
  if (p2p) np = ns = o.n;
  else if (fanout) {
    np = o.pubs > 0 ? o.pubs : 1;
    ns = o.subs > 0 ? o.subs : 1000;
  } else {
    np = o.pubs > 0 ? o.pubs : 50;
    ns = o.subs > 0 ? o.subs : 1;
  }
  npubs_total = np;
  alloc_conns(np + ns + (o.probe_ms ? 1 : 0));
  alloc_grps(p2p ? np : 1);  // subs first, then pubs
  int win = o.window ? o.window : p2p ? 200 : fanout ? 50 : 5000;
  if (!o.inflight) o.inflight = o.qos ? 100 : 0;
  for (int i = 0; i < NG; i++) {
    struct grp* g = &G[i];
    g->window = win;
    if (p2p) {
      g->s0 = i;
      g->ns = 1;
      g->p0 = ns + i;
      g->np = 1;
    } else {
      g->s0 = 0;
      g->ns = ns;
      g->p0 = ns;
      g->np = np;
      g->summode = o.share;
    }
    g->natmin = g->ns;
  }
  for (int i = 0; i < ns; i++) {
    C[i].role = R_SUB;
    C[i].idx = i;
    C[i].grp = p2p ? i : 0;
    if (o.sub_port) C[i].port = o.sub_port;
    if (!o.share && (u64)np * ns <= 8000000 && o.size >= 16) C[i].last = calloc(np, 4);
  }
  for (int i = 0; i < np; i++) {
    struct conn* c = &C[ns + i];
    c->role = R_PUB;
    c->idx = i;
    c->grp = p2p ? i : 0;
    char tp[64];
    if (p2p) snprintf(tp, 64, "bench/p2p/%d", i);
    else if (fanout) snprintf(tp, 64, "bench/fanout");
    else snprintf(tp, 64, "bench/fanin/%d", i);
    make_tpl(c, tp, o.qos, 0, o.size);
  }
  if (o.persist) make_persistent(0, o.persist == 2 ? ns : np + ns);
  connect_range(0, np + ns, 60);
  for (int i = 0; i < ns; i++) {
    char f[80];
    const char* sh = o.share ? "$share/g/" : "";
    if (p2p) snprintf(f, 80, "%sbench/p2p/%d", sh, i);
    else if (fanout) snprintf(f, 80, "%sbench/fanout", sh);
    else snprintf(f, 80, "%sbench/fanin/#", sh);
    sub1(&C[i], f, o.subqos);
  }
  wait_subs(0, ns, 30);
  spin_ms(200);
  n_suback = 0;
  char ex[200];
  snprintf(
      ex, 200,
      "\"topo\":\"%s\",\"pubs\":%d,\"subs\":%d,\"share\":%d,\"window\":%d,\"inflight\":%d,\"persist\":%d,",
      topo, np, ns, o.share, win, o.inflight, o.persist);
  traffic(ns, np, p2p || o.share ? 1 : ns, ex);
  fflush(stdout);
  disconnect_range(0, NC);
  if (o.persist) wipe_sessions();
}
// gives connections [a,b) client ids of their own and sessions that outlive them; older ones are wiped
static void wipe_sessions(void) {
  for (int i = 0; i < NC; i++) C[i].clean = C[i].clean || C[i].cid;
  int n = 0;
  for (int i = 0; i < NC; i++)
    if (C[i].cid) n = i + 1;
  connect_range(0, n, 60);
  disconnect_range(0, n);
}
static void make_persistent(int a, int b) {
  for (int i = a; i < b; i++) {
    C[i].cid = malloc(40);
    sprintf(C[i].cid, "mql-keep-%d", i);
  }
  connect_range(a, b, 60);
  disconnect_range(a, b);
  for (int i = a; i < b; i++) C[i].clean = 0;
}
// N pairs, one QoS 1 or 2 publish at a time each; measures publish to PUBACK (PUBCOMP)
static void sc_puback(void) {
  int n = o.n;
  bool receivers = o.receiver > 0;
  acks_only = true;
  if (!o.qos) o.qos = 1;
  o.subqos = o.qos;
  o.inflight = 1;
  npubs_total = n;
  alloc_conns(2 * n);
  alloc_grps(0);
  for (int i = 0; i < n; i++) {
    C[i].role = R_SUB;
    C[i].idx = i;
  }
  for (int i = 0; i < n; i++) {
    struct conn* c = &C[n + i];
    c->role = R_PUB;
    c->idx = i;
    char tp[64];
    snprintf(tp, 64, "bench/ack/%d", i);
    make_tpl(c, tp, o.qos, 0, o.size);
  }
  if (o.receiver == 2) make_persistent(0, n);
  connect_range(receivers ? 0 : n, 2 * n, 60);
  if (receivers) {
    for (int i = 0; i < n; i++) {
      char f[64];
      snprintf(f, 64, "bench/ack/%d", i);
      sub1(&C[i], f, o.subqos);
    }
    wait_subs(0, n, 30);
  }
  spin_ms(200);
  hist_reset();
  u64 t = now_ns();
  meas_from = t + (u64)o.warm_ms * 1000000ull;
  meas_to = meas_from + (u64)o.dur_ms * 1000000ull;
  double c0 = self_cpu(), b0 = broker_now().cpu;
  other_begin();
  bool in = false;
  running = true;
  while (t < meas_to) {
    if (!in && t >= meas_from) {
      in = true;
      c0 = self_cpu();
      b0 = broker_now().cpu;
      other_begin();
    }
    for (int i = n; i < 2 * n; i++) {
      struct conn* c = &C[i];
      if (c->st == S_UP && c->inflight == 0) {
        c->psent = now_ns();
        publish(c, 1, c->psent);
      }
    }
    loop_once(2000000);
    t = now_ns();
    sample_rss(t);
  }
  double c1 = self_cpu(), b1 = broker_now().cpu;
  running = false;
  other_end();
  u64 sent = tot_sent;
  u64 end = now_ns() + 2000000000ull;
  u64 want = receivers ? sent : 0;
  while (now_ns() < end && tot_recv < want) loop_once(2000000);
  double secs = o.dur_ms / 1000.0;
  jhead();
  printf(
      ",\"n\":%d,\"receiver\":%d,\"acks_per_s\":%.0f,\"recv_per_s\":%.0f,\"p50_ms\":%.4f,\"p99_ms\":%.4f,"
      "\"p999_ms\":%.4f,\"max_ms\":%.2f,\"loss\":%lld",
      n, o.receiver, m_recv_acks / secs, m_recv_acks / secs, hist_q(.5), hist_q(.99), hist_q(.999),
      hist_max / 1e6, (long long)(want > tot_recv ? want - tot_recv : 0));
  jtail(c1 - c0, b1 - b0);
  fflush(stdout);
  disconnect_range(0, NC);
  if (o.receiver == 2) wipe_sessions();
}
// N persistent sessions with one subscription each, made over --conc connections and left offline
static void sc_sessions(void) {
  int act = o.conc < o.n ? o.conc : o.n;
  int next = 0, done = 0;
  other_begin();
  alloc_conns(act);
  alloc_grps(0);
  double r0 = broker_now().rss_mb, b0 = broker_now().cpu, g0 = self_cpu();
  u64 t0 = now_ns(), last = t0;
  int lastdone = 0;
  for (int i = 0; i < act; i++) {
    C[i].clean = o.wipe;
    C[i].cid = malloc(40);
  }
  while (done < o.n) {
    for (int i = 0; i < act; i++) {
      struct conn* c = &C[i];
      if (c->st == S_UP && !c->closing && c->idx >= 0) {
        if (!o.wipe && !c->acked) {
          c->acked = 1;
          char f[64];
          snprintf(f, 64, "bench/session/%d", c->idx);
          sub1(c, f, o.subqos);
        } else if (o.wipe || c->subacks == 0) {
          u8 d[2] = {0xe0, 0};
          c->closing = 1;
          conn_write(c, d, 2);
          if (c->st == S_UP) shutdown(c->fd, SHUT_WR);
        }
      }
      if (c->st == S_CLOSED && c->closing) {
        done++;
        c->closing = 0;
        c->st = S_NEW;
        c->fd = -1;
      }
      if (c->st == S_CLOSED) {
        fprintf(stderr, "warning: session %d failed\n", c->idx);
        done++;
        c->st = S_NEW;
      }
      if (c->st == S_NEW && next < o.n) {
        c->idx = next++;
        c->acked = 0;
        c->pid = 0;
        sprintf(c->cid, "mql-s-%d", c->idx);
        conn_open(c);
      }
    }
    loop_once(5000000);
    u64 t = now_ns();
    sample_rss(t);
    if (done != lastdone) {
      lastdone = done;
      last = t;
    } else if (t - last > 30000000000ull) {
      fprintf(stderr, "warning: stalled at %d sessions\n", done);
      break;
    }
  }
  double secs = (now_ns() - t0) / 1e9;
  other_end();
  spin_ms(o.hold_ms);
  double r1 = broker_now().rss_mb, b1 = broker_now().cpu;
  jhead();
  printf(
      ",\"n\":%d,\"done\":%d,\"conns_per_s\":%.0f,\"rss_before_mb\":%.1f,\"rss_idle_mb\":%.1f,\"rss_b_per_"
      "session\":%.0f",
      o.n, done, done / secs, r0, r1, (r1 - r0) * 1048576 / o.n);
  jtail(self_cpu() - g0, b1 - b0);
}
// connects, subscribes, is answered: the moment when a broker that was started over serves
static void sc_ready(void) {
  alloc_conns(1);
  alloc_grps(0);
  u64 t0 = now_ns(), end = t0 + (u64)o.dur_ms * 1000000ull;
  bool up = false;
  while (!up && now_ns() < end) {
    conn_err = 0;
    C[0].clean = 1;
    C[0].st = S_NEW;
    conn_open(&C[0]);
    while (C[0].st == S_TCP || C[0].st == S_ACK) {
      loop_once(1000000);
      if (now_ns() > end) break;
    }
    if (C[0].st == S_UP) {
      sub1(&C[0], "bench/ready", 0);
      while (C[0].st == S_UP && C[0].subacks && now_ns() < end) loop_once(1000000);
      up = C[0].st == S_UP;
    } else {
      struct timespec z = {0, 2000000};
      nanosleep(&z, NULL);
    }
  }
  struct ptree b = broker_now();
  jhead();
  printf(",\"ready\":%d,\"ready_ms\":%.1f,\"rss_idle_mb\":%.1f", up, (now_ns() - t0) / 1e6, b.rss_mb);
  jtail(self_cpu(), b.cpu);
}
static void jtls(void) {
#ifdef WITH_TLS
  if (o.tls)
    printf(",\"tls_shaken\":%llu,\"tls_resumed\":%llu", (unsigned long long)tls_shaken,
           (unsigned long long)tls_resumed);
#endif
}
static void sc_connect(void) {
  other_begin();
  alloc_conns(o.n);
  alloc_grps(0);
  struct ptree a = broker_now();
  u64 t0 = now_ns();
  double c0 = self_cpu();
  hist_reset();
  if (o.churn) {
    // each connection is opened, acknowledged, disconnected, and opened again until the time is over
    u64 end = t0 + (u64)o.dur_ms * 1000000ull;
    int act = o.conc < o.n ? o.conc : o.n;
    u64 done = 0;
    for (int i = 0; i < act; i++) conn_open(&C[i]);
    while (now_ns() < end) {
      loop_once(5000000);
      for (int i = 0; i < act; i++) {
        struct conn* c = &C[i];
        if (c->st == S_UP) {
          done++;
          u8 d[2] = {0xe0, 0};
          c->closing = 1;
          conn_write(c, d, 2);
          if (c->st == S_UP) conn_gone(c, true);
        }
        if (c->st == S_CLOSED) conn_open(c);
      }
      sample_rss(now_ns());
    }
    other_end();
    double s = (now_ns() - t0) / 1e9;
    jhead();
    printf(",\"churn\":1,\"conns_per_s\":%.0f,\"conc\":%d,\"p50_ms\":%.2f,\"p99_ms\":%.2f", done / s, act,
           hist_q(.5), hist_q(.99));
    jtls();
    jtail(self_cpu() - c0, broker_now().cpu - a.cpu);
    return;
  }
  connect_range(0, o.n, 120);
  double s = (now_ns() - t0) / 1e9;
  double gc = self_cpu() - c0;
  struct ptree b = broker_now();
  u64 up = n_up;
  double p50 = hist_q(.5), p99 = hist_q(.99), p999 = hist_q(.999);
  other_end();
  spin_ms(o.hold_ms);
  struct ptree d = broker_now();
  jhead();
  printf(
      ",\"n\":%d,\"up\":%llu,\"still_up\":%llu,\"conns_per_s\":%.0f,\"conc\":%d,\"p50_ms\":%.2f,\"p99_ms\":%."
      "2f,\"p999_ms\":%.2f,\"rss_before_mb\":%.1f,\"rss_after_mb\":%.1f,\"rss_idle_mb\":%.1f,\"kb_per_conn\":"
      "%.2f,\"idle_broker_cpu_s\":%.2f",
      o.n, (unsigned long long)up, (unsigned long long)n_up, up / s, o.conc, p50, p99, p999, a.rss_mb,
      b.rss_mb, d.rss_mb, up ? (d.rss_mb - a.rss_mb) * 1024 / up : 0, d.cpu - b.cpu);
  jtls();
  jtail(gc, b.cpu - a.cpu);
  fflush(stdout);
  disconnect_range(0, NC);
}
// publish `total` messages over connections [p0,p0+np) with QoS window; fn sets topic per message
static double pub_total(int p0, int np, u64 total, void (*tp)(u64, char*), int retain, u32 size) {
  u64 t0 = now_ns(), k = 0, acked0 = tot_acked;
  u64 lastp = t0;
  int q = o.qos;
  static u8 tmp[SCR];
  u32 po, yo;
  while (1) {
    bool all = k >= total;
    if (!all)
      for (int i = 0; i < np && k < total; i++) {
        struct conn* c = &C[p0 + i];
        if (c->st != S_UP || c->ol) continue;
        u32 w = 0, burst = 0;
        u64 ts = now_ns();
        while (k < total && burst < 64 && (!q || c->inflight < c->maxinfl) && w < 200000) {
          char topic[128];
          tp(k, topic);
          u32 len = build_pub(tmp, topic, q, retain, size, &po, &yo);
          if (q) {
            if (!++c->pid) c->pid = 1;
            tmp[po] = c->pid >> 8;
            tmp[po + 1] = c->pid;
            c->inflight++;
          }
          if (size >= 16) {
            u32 id = c->idx, s32 = (u32)k;
            memcpy(tmp + yo, &ts, 8);
            memcpy(tmp + yo + 8, &id, 4);
            memcpy(tmp + yo + 12, &s32, 4);
          }
          memcpy(wbuf + w, tmp, len);
          w += len;
          k++;
          burst++;
          tot_sent++;
        }
        if (w) conn_write(c, wbuf, w);
      }
    loop_once(all || q ? 2000000 : 200000);
    u64 t = now_ns();
    sample_rss(t);
    u64 done = q ? tot_acked - acked0 : k;
    if (done != 0 && done >= total) {
      bool pend = false;
      for (int i = 0; i < np; i++)
        if (C[p0 + i].ol) pend = true;
      if (!pend) break;
    }
    static u64 ld;
    if (done != ld) {
      ld = done;
      lastp = t;
    } else if (t - lastp > 10000000000ull) {
      fprintf(stderr, "warning: publish stalled at %llu of %llu acknowledged\n", (unsigned long long)done,
              (unsigned long long)total);
      break;
    }
  }
  return (now_ns() - t0) / 1e9;
}
static void tp_ret(u64 k, char* t) {
  sprintf(t, "bench/ret/%llu/%llu", (unsigned long long)(k / 100), (unsigned long long)(k % 100));
}
static int off_k;
static void tp_off(u64 k, char* t) { sprintf(t, "bench/off/%d", (int)(k % off_k)); }
static double wait_recv(u64 want, u64 from, double* tfirst, int timeout_s) {
  u64 t0 = now_ns(), last = t0, lr = tot_recv, lastarr = t0;
  *tfirst = 0;
  while (tot_recv - from < want) {
    loop_once(2000000);
    u64 t = now_ns();
    sample_rss(t);
    if (tot_recv != lr) {
      if (*tfirst == 0) *tfirst = (t - t0) / 1e9;
      lr = tot_recv;
      last = t;
      lastarr = t;
    } else if (t - last > (u64)timeout_s * 1000000000ull) break;
  }
  return (lastarr - t0) / 1e9;
}
static void sc_retained(void) {
  int np = o.pubs > 0 ? o.pubs : 10, ns = o.subs >= 0 ? o.subs : 10;
  if (!o.inflight) o.inflight = 20;
  alloc_conns(np + ns);
  alloc_grps(0);
  for (int i = 0; i < np; i++) C[i].role = R_PUB, C[i].idx = i;
  for (int i = np; i < np + ns; i++) C[i].role = R_SUB;
  connect_range(0, NC, 60);
  other_begin();
  double g0 = self_cpu(), b0 = broker_now().cpu, r0 = broker_now().rss_mb;
  double first = 0;
  for (int i = 0; i < o.before; i++) {
    double t = pub_total(0, np, o.retained, tp_ret, 1, o.size);
    if (i == 0) first = t;
    pub_total(0, np, o.retained, tp_ret, 1, 0);
  }
  double tp = pub_total(0, np, o.retained, tp_ret, 1, o.size);
  if (!o.before) first = tp;
  if (!o.qos) spin_ms(1500);
  double r1 = broker_now().rss_mb;
  hist_reset();
  u64 from = tot_recv, want = (u64)o.retained * ns;
  double tf;
  double bs0 = broker_now().cpu;
  for (int i = np; i < NC; i++) sub1(&C[i], "bench/ret/#", o.subqos);
  double ts = want ? wait_recv(want, from, &tf, 20) : (tf = 0, 0);
  double g1 = self_cpu(), b1 = broker_now().cpu;
  u64 got = tot_recv - from;
  i64 loss = (i64)want - (i64)got;
  other_end();
  jhead();
  printf(
      ",\"retained\":%d,\"pubs\":%d,\"subs\":%d,\"first_store_per_s\":%.0f,\"store_per_s\":%.0f,\"sent_per_s\":%.0f,\"recv_per_s\":%.0f,"
      "\"first_ms\":%.1f,\"all_ms\":%.1f,\"expected\":%llu,\"received\":%llu,\"loss\":%lld,\"rss_b_per_"
      "retained\":%.0f,\"rss_idle_mb\":%.1f,\"deliver_broker_cpu_s\":%.2f",
      o.retained, np, ns, o.retained / first, o.retained / tp, o.retained / tp, ts > 0 ? got / ts : 0, tf * 1e3, ts * 1e3,
      (unsigned long long)want, (unsigned long long)got, (long long)loss,
      (r1 - r0) * 1048576 / o.retained - o.size, r1, b1 - bs0);
  jtail(g1 - g0, b1 - b0);
  fflush(stdout);
  disconnect_range(np, NC);
  if (!o.keep) {
    pub_total(0, np, o.retained, tp_ret, 1, 0);
    spin_ms(500);
  }
  disconnect_range(0, NC);
}
static void sc_offline(void) {
  int np = o.pubs > 0 ? o.pubs : 10, ns = o.subs > 0 ? o.subs : 50;
  if (!o.inflight) o.inflight = 20;
  if (!o.qos) o.qos = 1;
  if (o.subqos < 1) o.subqos = o.qos;
  off_k = ns;
  u64 per = (u64)o.msgs / ns, total = per * ns;
  npubs_total = np;
  alloc_conns(np + ns);
  alloc_grps(0);
  for (int i = 0; i < np; i++) C[i].role = R_PUB, C[i].idx = i;
  for (int i = np; i < NC; i++) {
    C[i].role = R_SUB;
    C[i].clean = 1;
    C[i].cid = malloc(40);
    sprintf(C[i].cid, "mql-off-%d", i - np);
  }
  connect_range(np, NC, 60);
  disconnect_range(np, NC);  // wipe older state
  for (int i = np; i < NC; i++) C[i].clean = 0;
  connect_range(0, NC, 60);
  for (int i = np; i < NC; i++) {
    char f[64];
    sprintf(f, "bench/off/%d", i - np);
    sub1(&C[i], f, o.subqos);
  }
  wait_subs(np, NC, 30);
  disconnect_range(np, NC);
  spin_ms(300);
  other_begin();
  double g0 = self_cpu(), b0 = broker_now().cpu, r0 = broker_now().rss_mb;
  double tp = pub_total(0, np, total, tp_off, 0, o.size);
  spin_ms(300);
  double b1 = broker_now().cpu, r1 = broker_now().rss_mb;
  hist_reset();
  u64 from = tot_recv;
  u64 t0 = now_ns();
  connect_range(np, NC, 60);
  double tc = (now_ns() - t0) / 1e9;
  double tf;
  double td = wait_recv(total, from, &tf, 20) + tc;
  spin_ms(200);
  u64 got = tot_recv - from;
  double g1 = self_cpu(), b2 = broker_now().cpu;
  other_end();
  jhead();
  printf(
      ",\"sessions\":%d,\"pubs\":%d,\"msgs\":%llu,\"store_per_s\":%.0f,\"sent_per_s\":%.0f,\"recv_per_s\":%."
      "0f,\"drain_ms\":%.0f,\"expected\":%llu,\"received\":%llu,\"loss\":%lld,\"store_broker_cpu_s\":%.2f,"
      "\"drain_broker_cpu_s\":%.2f,\"rss_b_per_msg\":%.0f",
      ns, np, (unsigned long long)total, total / tp, total / tp, td > 0 ? got / td : 0, td * 1e3,
      (unsigned long long)total, (unsigned long long)got, (long long)((i64)total - (i64)got), b1 - b0,
      b2 - b1, (r1 - r0) * 1048576 / total);
  jtail(g1 - g0, b2 - b0);
  fflush(stdout);
  disconnect_range(0, NC);
  for (int i = np; i < NC; i++) C[i].clean = 1;
  connect_range(np, NC, 60);
  disconnect_range(np, NC);
}
// with --half-exact every second filter is exact; the others are the three wildcard shapes in turn
static u32 wshape(u32 i) { return !o.exact_half ? i & 3 : i & 1 ? 3 : (i >> 1) % 3; }
static void wfilter(u32 i, char* f) {
  switch (wshape(i)) {
    case 0: sprintf(f, "w/%u/+/x", i); break;
    case 1: sprintf(f, "w/%u/#", i); break;
    case 2: sprintf(f, "w/+/s%u/#", i); break;
    default: sprintf(f, "w/%u/exact/t", i);
  }
}
static void wtopic(u32 i, char* f) {
  switch (wshape(i)) {
    case 0: sprintf(f, "w/%u/q/x", i); break;
    case 1: sprintf(f, "w/%u/a/b", i); break;
    case 2: sprintf(f, "w/z/s%u/c", i); break;
    default: sprintf(f, "w/%u/exact/t", i);
  }
}
static void sc_wildcard(void) {
  int ns = o.subs > 0 ? o.subs : 1000, np = o.pubs > 0 ? o.pubs : 10;
  if (!o.inflight) o.inflight = 100;
  int total = o.filters;
  npubs_total = np;
  alloc_conns(ns + np);
  alloc_grps(1);
  G[0].summode = 1;
  G[0].window = o.window ? o.window : 5000;
  G[0].p0 = ns;
  G[0].np = np;
  G[0].s0 = 0;
  G[0].ns = ns;
  G[0].natmin = ns;
  for (int i = 0; i < ns; i++) {
    C[i].role = R_SUB;
    C[i].grp = 0;
    if (o.sub_port) C[i].port = o.sub_port;
  }
  for (int i = ns; i < NC; i++) {
    C[i].role = R_PUB;
    C[i].grp = 0;
    C[i].idx = i - ns;
  }
  struct ptree a = broker_now();
  connect_range(0, NC, 60);
  double r0 = broker_now().rss_mb, cs0 = broker_now().cpu;
  u64 t0 = now_ns();
  for (int i = 0; i < ns; i++) {
    char buf[50][64];
    char* fp[50];
    int k = 0;
    for (int f = i; f < total; f += ns) {
      wfilter(f, buf[k]);
      fp[k] = buf[k];
      if (++k == 50) {
        send_subscribe(&C[i], fp, k, o.subqos);
        k = 0;
        loop_once(0);
      }
    }
    if (i < o.wide) {
      strcpy(buf[k], "w/#");
      fp[k] = buf[k];
      k++;
    }
    if (k) send_subscribe(&C[i], fp, k, o.subqos);
    if (i % 10 == 9) loop_once(0);
  }
  wait_subs(0, ns, 120);
  double tsub = (now_ns() - t0) / 1e9;
  struct ptree b = broker_now();
  (void)a;
  n_hot = o.hot > 0 && o.hot < total ? o.hot : total;
  hot_pk = malloc((size_t)n_hot * (o.size + 96));
  hot_off = calloc(n_hot, 4);
  hot_len = calloc(n_hot, 4);
  hot_pid = calloc(n_hot, 4);
  hot_pay = calloc(n_hot, 4);
  u32 off = 0;
  for (int i = 0; i < n_hot; i++) {
    u32 f = n_hot == total ? (u32)i : rnd() % total;
    char t[64];
    wtopic(f, t);
    hot_off[i] = off;
    hot_len[i] = build_pub(hot_pk + off, t, o.qos, 0, o.size, &hot_pid[i], &hot_pay[i]);
    off += hot_len[i];
  }
  char ex[300];
  snprintf(ex, 300,
           "\"filters\":%d,\"clients\":%d,\"pubs\":%d,\"hot\":%d,\"wide\":%d,\"subscribe_per_s\":%.0f,"
           "\"subscribe_broker_cpu_s\":%.2f,\"rss_b_per_filter\":%.0f,",
           total, ns, np, n_hot, o.wide, total / tsub, b.cpu - cs0, (b.rss_mb - r0) * 1048576 / total);
  traffic(ns, np, 1 + o.wide, ex);
  fflush(stdout);
  disconnect_range(0, NC);
}
static void usage(void) {
  fputs(
      "usage: mqload SCENARIO [options]\n"
      "scenarios: p2p fanin fanout rate connect retained offline wildcard puback sessions ready\n"
      "  --host H --port P --sub-port P (subscribers' port, for a cluster)  --user U --pass P --v5 --label "
      "TEXT\n"
      "  --n N (p2p pairs, connections)  --pubs N --subs N  --qos Q --sub-qos Q --size BYTES\n"
      "  --window W (undelivered messages per group)  --inflight W (unacknowledged per publisher)  --batch "
      "B\n"
      "  --share  --topo p2p|fanin|fanout (for rate)  --rate MSGS_PER_S\n"
      "  --warm MS --dur MS --hold MS --drain MS  --conc C (handshakes at once)  --srcs K (source addresses "
      "127.0.0.2..)  --churn\n"
      "  --tls 12|13  --tls-resume (sessions are resumed)  --ws (over WebSocket)\n"
      "  --retained R --before N (rounds of storing and deleting that come first)  --msgs M --filters F --hot T --wide K --keep --keepalive S --persist | --persist-subs  "
      "--half-exact  --receiver none|clean|persist  --wipe  --probe MS --nap US (pause between polls at full "
      "rate)\n  --broker-pid PID[,PID] --seed S\n",
      stderr);
  exit(2);
}
int main(int argc, char** argv) {
  if (argc < 2) usage();
  o.scenario = argv[1];
  signal(SIGPIPE, SIG_IGN);
  clk = sysconf(_SC_CLK_TCK);
  pagesz = sysconf(_SC_PAGESIZE);
  static struct option lo[] = {{"host", 1, 0, 1},
                               {"port", 1, 0, 2},
                               {"sub-port", 1, 0, 3},
                               {"user", 1, 0, 4},
                               {"pass", 1, 0, 5},
                               {"v5", 0, 0, 6},
                               {"label", 1, 0, 7},
                               {"n", 1, 0, 8},
                               {"pubs", 1, 0, 9},
                               {"subs", 1, 0, 10},
                               {"qos", 1, 0, 11},
                               {"sub-qos", 1, 0, 12},
                               {"size", 1, 0, 13},
                               {"window", 1, 0, 14},
                               {"inflight", 1, 0, 15},
                               {"batch", 1, 0, 16},
                               {"share", 0, 0, 17},
                               {"topo", 1, 0, 18},
                               {"rate", 1, 0, 19},
                               {"warm", 1, 0, 20},
                               {"dur", 1, 0, 21},
                               {"hold", 1, 0, 22},
                               {"conc", 1, 0, 23},
                               {"srcs", 1, 0, 24},
                               {"churn", 0, 0, 25},
                               {"retained", 1, 0, 26},
                               {"before", 1, 0, 43},
                               {"msgs", 1, 0, 27},
                               {"filters", 1, 0, 28},
                               {"hot", 1, 0, 29},
                               {"keep", 0, 0, 30},
                               {"broker-pid", 1, 0, 31},
                               {"seed", 1, 0, 32},
                               {"drain", 1, 0, 33},
                               {"wide", 1, 0, 34},
                               {"keepalive", 1, 0, 35},
                               {"nap", 1, 0, 36},
                               {"persist", 0, 0, 37},
                               {"persist-subs", 0, 0, 38},
                               {"half-exact", 0, 0, 39},
                               {"receiver", 1, 0, 40},
                               {"wipe", 0, 0, 41},
                               {"probe", 1, 0, 42},
                               {"tls", 1, 0, 50},
                               {"tls-resume", 0, 0, 51},
                               {"ws", 0, 0, 52},
                               {0, 0, 0, 0}};
  optind = 2;
  int k;
  while ((k = getopt_long(argc, argv, "", lo, 0)) != -1) switch (k) {
      case 1: o.host = optarg; break;
      case 2: o.port = atoi(optarg); break;
      case 3: o.sub_port = atoi(optarg); break;
      case 4: o.user = optarg; break;
      case 5: o.pass = optarg; break;
      case 6: o.v5 = 1; break;
      case 7: o.label = optarg; break;
      case 8: o.n = atoi(optarg); break;
      case 9: o.pubs = atoi(optarg); break;
      case 10: o.subs = atoi(optarg); break;
      case 11: o.qos = atoi(optarg); break;
      case 12: o.subqos = atoi(optarg); break;
      case 13: o.size = atoi(optarg); break;
      case 14: o.window = atoi(optarg); break;
      case 15: o.inflight = atoi(optarg); break;
      case 16: o.batch = atoi(optarg); break;
      case 17: o.share = 1; break;
      case 18: o.topo = optarg; break;
      case 19: o.rate = atof(optarg); break;
      case 20: o.warm_ms = atoi(optarg); break;
      case 21: o.dur_ms = atoi(optarg); break;
      case 22: o.hold_ms = atoi(optarg); break;
      case 23: o.conc = atoi(optarg); break;
      case 24: o.srcs = atoi(optarg); break;
      case 25: o.churn = 1; break;
      case 26: o.retained = atoi(optarg); break;
      case 27: o.msgs = atoi(optarg); break;
      case 28: o.filters = atoi(optarg); break;
      case 29: o.hot = atoi(optarg); break;
      case 30: o.keep = 1; break;
      case 31:
        for (char* s = strtok(optarg, ","); s && nbp < 16; s = strtok(0, ",")) bpids[nbp++] = atoi(s);
        break;
      case 32: o.seed = strtoull(optarg, 0, 10); break;
      case 33: o.drain_ms = atoi(optarg); break;
      case 34: o.wide = atoi(optarg); break;
      case 35: o.keepalive = atoi(optarg); break;
      case 36: o.nap_us = atoi(optarg); break;
      case 37: o.persist = 1; break;
      case 38: o.persist = 2; break;
      case 39: o.exact_half = 1; break;
      case 40: o.receiver = !strcmp(optarg, "none") ? 0 : !strcmp(optarg, "persist") ? 2 : 1; break;
      case 41: o.wipe = 1; break;
      case 43: o.before = atoi(optarg); break;
      case 42: o.probe_ms = atoi(optarg); break;
      case 50: o.tls = atoi(optarg); break;
      case 51: o.tls_resume = 1; break;
      case 52: o.ws = 1; break;
      default: usage();
    }
#ifdef WITH_TLS
  if (o.tls) tls_setup();
#else
  if (o.tls) die("mqload was built without TLS (libssl-dev)");
#endif
  if (o.subqos < 0) o.subqos = o.qos;
  if (o.size < 16) o.size = 16;
  if (o.size > 500000) o.size = 500000;
  rng_s = o.seed * 0x9E3779B97F4A7C15ull | 1;
  struct rlimit rl;
  getrlimit(RLIMIT_NOFILE, &rl);
  rl.rlim_cur = rl.rlim_max;
  setrlimit(RLIMIT_NOFILE, &rl);
  ep = epoll_create1(EPOLL_CLOEXEC);
  if (!strcmp(o.scenario, "p2p") || !strcmp(o.scenario, "fanin") || !strcmp(o.scenario, "fanout"))
    sc_topo(o.scenario);
  else if (!strcmp(o.scenario, "rate")) {
    if (o.rate <= 0) o.rate = 20000;
    if (!o.inflight && o.qos) o.inflight = 200;
    sc_topo(o.topo);
  } else if (!strcmp(o.scenario, "connect")) sc_connect();
  else if (!strcmp(o.scenario, "retained")) sc_retained();
  else if (!strcmp(o.scenario, "offline")) sc_offline();
  else if (!strcmp(o.scenario, "wildcard")) sc_wildcard();
  else if (!strcmp(o.scenario, "puback")) sc_puback();
  else if (!strcmp(o.scenario, "sessions")) sc_sessions();
  else if (!strcmp(o.scenario, "ready")) sc_ready();
  else usage();
  return 0;
}
