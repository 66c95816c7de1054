/* h2_verbs: what an HTTP/2 machine can be asked for; each is described in http/machine.h. */
#ifndef HTTP_H2_VERBS_H
#define HTTP_H2_VERBS_H

#include "http/h2_internal.h"

enum err h2_request(struct http_machine *m, const struct http_field *fields, size_t count, bool end,
                    void *stream, uint32_t *id);
enum err h2_respond(struct http_machine *m, uint32_t id, const struct http_field *fields,
                    size_t count, bool end);
enum err h2_inform(struct http_machine *m, uint32_t id, const struct http_field *fields,
                   size_t count);
enum err h2_push(struct http_machine *m, uint32_t id, const struct http_field *fields, size_t count,
                 void *stream, uint32_t *promised);
void h2_data_ready(struct http_machine *m, uint32_t id);
enum err h2_reset(struct http_machine *m, uint32_t id, uint32_t code);
void h2_consume(struct http_machine *m, uint32_t id, size_t bytes);
enum err h2_goaway_later(struct http_machine *m, uint32_t code, int64_t last_id,
                         const uint8_t *opaque, size_t length);
enum err h2_shutdown_notice(struct http_machine *m);
enum err h2_settings(struct http_machine *m, const struct http_setting_entry *entries, size_t count);
enum err h2_ping(struct http_machine *m, const uint8_t payload[8]);
enum err h2_window(struct http_machine *m, uint32_t size);
enum err h2_next_id(struct http_machine *m, uint32_t id);
double h2_setting(const struct http_machine *m, bool remote, uint32_t id);
double h2_state(const struct http_machine *m, int which, uint32_t id);
bool h2_wants_write(const struct http_machine *m);

/* h2_announce.c */
enum err h2_altsvc(struct http_machine *m, uint32_t id, const char *origin, size_t origin_length,
                   const char *value, size_t value_length);
enum err h2_origin(struct http_machine *m, const uint8_t *origins, size_t length);

#endif
