/* admin: accepts, reads one head, answers, waits for the peer to hang up. */
#include "process/admin.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/listener.h"
#include "net/socket.h"
#include "process/admin_request.h"

#define VISITS_MAX 32
#define HEAD_MS 5000
#define ANSWER_MS 5000           /* to take the answer and hang up */
#define IGNORED_MAX (256 * 1024) /* bytes of a peer that does not stop */
#define BODY_FIRST (32 * 1024)
#define TEXT_TYPE "text/plain; charset=utf-8"
#define METRICS_TYPE "text/plain; version=0.0.4"

enum visit_state {
    VISIT_READING,   /* the head is not whole */
    VISIT_ANSWERING, /* the answer is not out */
    VISIT_LINGERING, /* it is; a close now could make the kernel send a reset that overtakes it */
};

struct admin {
    struct loop *loop;
    struct region *region;
    struct listener *listener; /* NULL: the others answer */
    struct list visits;
    unsigned count;
    struct deadline finish; /* set while admin_finish() runs */
};

struct visit {
    struct list link;
    struct admin *admin;
    struct transport *transport;
    struct deadline deadline;
    enum visit_state state;
    size_t head_used, ignored;
    char head[ADMIN_HEAD_BYTES];
    char *body; /* NULL after HEAD */
    size_t answer_head_length, body_length, sent;
    char answer_head[256];
};

static bool is_answering(const struct admin *admin)
{
    list_each(link, &admin->visits)
    {
        if (list_entry(link, struct visit, link)->state != VISIT_LINGERING)
            return true;
    }
    return false;
}

/* Nobody is left who waits for an answer. */
static void note_answered(struct admin *admin)
{
    if (deadline_is_set(&admin->finish) && !is_answering(admin))
        loop_stop(admin->loop);
}

static void visit_end(struct visit *visit)
{
    struct admin *admin = visit->admin;

    deadline_clear(&visit->deadline);
    transport_close(&visit->transport);
    list_remove(&visit->link);
    mem_free(visit->body);
    mem_free(visit);
    if (admin->count-- == VISITS_MAX && admin->listener)
        listener_resume(admin->listener);
    note_answered(admin);
}

static void on_due(struct deadline *deadline)
{
    visit_end(list_entry(deadline, struct visit, deadline));
}

/* --- what there is to say */

struct answer {
    unsigned status;
    const char *type;
    char *body; /* NULL: no memory */
    size_t length;
};

static const char *phrase_of(unsigned status)
{
    switch (status) {
    case 200:
        return "OK";
    case 400:
        return "Bad Request";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 431:
        return "Request Header Fields Too Large";
    case 503:
        return "Service Unavailable";
    default:
        return "HTTP Version Not Supported";
    }
}

static void say(struct answer *answer, unsigned status, const char *text)
{
    answer->status = status;
    answer->type = TEXT_TYPE;
    answer->length = strlen(text);
    answer->body = mem_copy(text, answer->length);
}

/* Counters go up while we look: the second text may be longer than the first said. */
static void say_metrics(struct answer *answer, struct region *region)
{
    size_t cap = BODY_FIRST;

    answer->status = 200;
    answer->type = METRICS_TYPE;
    for (;;) {
        answer->body = mem_alloc(cap);
        if (!answer->body)
            return;
        answer->length = region_prometheus(region, answer->body, cap);
        if (answer->length < cap)
            return;
        mem_free(answer->body);
        cap = answer->length + 4096;
    }
}

static bool is_path(const struct admin_request *request, const char *path)
{
    return request->path_length == strlen(path) &&
           memcmp(request->path, path, request->path_length) == 0;
}

static void answer_to(struct admin *admin, unsigned status, const struct admin_request *request,
                      struct answer *answer)
{
    char text[64];

    if (status == 200 && is_path(request, "/metrics")) {
        say_metrics(answer, admin->region);
    } else if (status == 200 && is_path(request, "/healthz")) {
        say(answer, 200, "ok\n");
    } else if (status == 200 && is_path(request, "/readyz")) {
        if (region_is_ready(admin->region))
            say(answer, 200, "ready\n");
        else
            say(answer, 503, "not ready\n");
    } else {
        if (status == 200)
            status = 404;
        snprintf(text, sizeof(text), "%u %s\n", status, phrase_of(status));
        say(answer, status, text);
    }
}

/* --- one visit */

static void go_on_sending(struct visit *visit)
{
    size_t head_left = 0, taken;
    struct iovec pieces[2];
    int count = 0;
    enum err err;

    if (visit->sent < visit->answer_head_length) {
        head_left = visit->answer_head_length - visit->sent;
        pieces[count++] =
            (struct iovec){.iov_base = visit->answer_head + visit->sent, .iov_len = head_left};
    }
    if (visit->body) {
        size_t done = head_left ? 0 : visit->sent - visit->answer_head_length;

        pieces[count++] =
            (struct iovec){.iov_base = visit->body + done, .iov_len = visit->body_length - done};
    }
    err = transport_write(visit->transport, pieces, count, &taken);
    if (err && err != ERR_AGAIN) {
        visit_end(visit);
        return;
    }
    visit->sent += taken;
    if (visit->sent < visit->answer_head_length + (visit->body ? visit->body_length : 0)) {
        transport_want(visit->transport, false, true);
        return;
    }
    visit->state = VISIT_LINGERING;
    note_answered(visit->admin);
    transport_shutdown(visit->transport);
    transport_want(visit->transport, true, false);
}

static void begin_answer(struct visit *visit, unsigned status, const struct admin_request *request)
{
    struct answer answer = {0};

    answer_to(visit->admin, status, request, &answer);
    if (!answer.body) {
        visit_end(visit);
        return;
    }
    visit->state = VISIT_ANSWERING;
    visit->body = answer.body;
    visit->body_length = answer.length;
    visit->answer_head_length =
        (size_t)snprintf(visit->answer_head, sizeof(visit->answer_head),
                         "HTTP/1.1 %u %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                         "Cache-Control: no-store\r\n%sConnection: close\r\n\r\n",
                         answer.status, phrase_of(answer.status), answer.type, answer.length,
                         answer.status == 405 ? "Allow: GET, HEAD\r\n" : "");
    if (request->is_head) {
        mem_free(visit->body);
        visit->body = NULL;
    }
    deadline_set(visit->admin->loop, &visit->deadline, ANSWER_MS);
    go_on_sending(visit);
}

static void read_some(struct visit *visit)
{
    size_t length, room = sizeof(visit->head) - visit->head_used;
    struct admin_request request;
    const uint8_t *bytes;
    enum err err = transport_read(visit->transport, &bytes, &length);
    unsigned status;

    if (err == ERR_AGAIN)
        return;
    if (err) { /* an end before the head's is nobody's request, behind the answer it is what we wait for */
        visit_end(visit);
        return;
    }
    if (visit->state != VISIT_READING) { /* a second request, a body: not looked at */
        visit->ignored += length;
        if (visit->ignored > IGNORED_MAX)
            visit_end(visit);
        return;
    }
    memcpy(visit->head + visit->head_used, bytes, length < room ? length : room);
    visit->head_used += length < room ? length : room;
    status = admin_request_read(visit->head, visit->head_used, &request);
    if (status)
        begin_answer(visit, status, &request);
}

static void on_transport(void *owner, unsigned events)
{
    struct visit *visit = owner;

    if (events & TRANSPORT_FAILED)
        visit_end(visit);
    else if (events & TRANSPORT_WRITABLE && visit->state == VISIT_ANSWERING)
        go_on_sending(visit);
    else if (events & TRANSPORT_READABLE)
        read_some(visit);
}

static void on_accept(void *owner, int fd, const struct address *peer)
{
    struct admin *admin = owner;
    struct visit *visit = mem_zalloc(sizeof(*visit));

    if (!visit || socket_transport_new(admin->loop, fd, peer, &visit->transport)) {
        close(fd);
        mem_free(visit);
        return;
    }
    visit->admin = admin;
    list_init(&visit->link);
    list_append(&admin->visits, &visit->link);
    deadline_init(&visit->deadline, on_due);
    deadline_set(admin->loop, &visit->deadline, HEAD_MS);
    transport_set_owner(visit->transport, on_transport, visit);
    transport_want(visit->transport, true, false);
    transport_unref(visit->transport);
    if (++admin->count == VISITS_MAX)
        listener_pause(admin->listener);
}

/* --- life */

static void on_finish_due(struct deadline *due)
{
    struct admin *admin = list_entry(due, struct admin, finish);

    loop_stop(admin->loop);
}

enum err admin_open(struct loop *loop, int fd, struct region *region, struct admin **out,
                    struct failure *failure)
{
    struct listener_options options = {.fd = fd};
    struct admin *admin = mem_zalloc(sizeof(*admin));
    enum err err;

    *out = NULL;
    if (!admin)
        return failure_set(failure, ERR_NOMEM, "ENOMEM", "cannot listen: out of memory");
    admin->loop = loop;
    admin->region = region;
    list_init(&admin->visits);
    deadline_init(&admin->finish, on_finish_due);
    err = listener_open(loop, &options, on_accept, admin, &admin->listener, failure);
    if (err) {
        mem_free(admin);
        return err;
    }
    listener_unref(admin->listener);
    *out = admin;
    return OK;
}

void admin_drain(struct admin *admin)
{
    if (admin && !atomic_load(&region_state(admin->region)->draining))
        listener_close(&admin->listener);
}

void admin_finish(struct admin *admin, uint64_t ms)
{
    if (!admin)
        return;
    listener_close(&admin->listener);
    if (!is_answering(admin))
        return;
    list_each(link, &admin->visits)
    {
        transport_ref(list_entry(link, struct visit, link)->transport);
    }
    deadline_set(admin->loop, &admin->finish, ms);
    loop_run(admin->loop);
    deadline_clear(&admin->finish);
}

void admin_close(struct admin **admin)
{
    struct admin *a = *admin;

    *admin = NULL;
    if (!a)
        return;
    listener_close(&a->listener);
    while (!list_is_empty(&a->visits))
        visit_end(list_entry(a->visits.next, struct visit, link));
    mem_free(a);
}
