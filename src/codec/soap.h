/* SOAP 1.1 (W3C note of 2000-05-08) and 1.2 (W3C, second edition): envelopes in, as trees of elements, and
 * out.
 *
 * Reading: expat underneath, namespaces resolved. Document type declarations are refused, and with them all
 * entities but the five of XML itself. Attributes count only as far as SOAP and XML Schema instances give
 * them a meaning. Text beside child elements is dropped. Attachments (MTOM) are not read: an xop:Include
 * stands there as the element it is.
 *
 * Pure. What is read lies in the caller's arena. */
#ifndef RB_CODEC_SOAP_H
#define RB_CODEC_SOAP_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/reason.h"

enum {
    RB_SOAP_DEPTH_MAX = 32,
    RB_SOAP_ELEMENTS_MAX = 100000,
    RB_SOAP_NAME_BYTES_MAX = 512 /* of an element, with its namespace */
};

enum rb_soap_version { RB_SOAP_11, RB_SOAP_12 };

struct rb_soap_element {
    rb_str name, space; /* without prefix; the namespace's name, NONE: in none */
    rb_str text;        /* of one without children; may be empty */
    rb_str type;        /* xsi:type without its prefix; NONE: none */
    bool is_nil;        /* xsi:nil */
    bool must_be_understood;
    struct rb_soap_element *first, *next;
};

struct rb_soap {
    enum rb_soap_version version;
    struct rb_soap_element *headers;   /* NULL: none */
    struct rb_soap_element *operation; /* the one child of the body */
};

/* RB_BAD_REQUEST (not well-formed, a declaration, no envelope, no operation or more than one), RB_TOO_DEEP,
 * RB_BODY_TOO_LARGE (elements, names, or what reading would take: more than 4 MiB and 4 times the text),
 * RB_OUT_OF_MEMORY. *out_why says more, for people; static. */
rb_err rb_soap_read(struct rb_soap *out, rb_str text, struct rb_arena *arena, const char **out_why);

/* The child of this name, in whatever namespace; NULL: none. */
const struct rb_soap_element *rb_soap_child(const struct rb_soap_element *element, rb_str name);

/* ---- writing ---- Appends; errors show in the buffer. */

const char *rb_soap_space(enum rb_soap_version version);
const char *rb_soap_media_type(enum rb_soap_version version); /* with its charset */

/* The text of an element or of an attribute in double quotes. What XML 1.0 has no way to say (control
 * characters, bytes that are not UTF-8) becomes U+FFFD. */
void rb_xml_put_text(struct rb_buf *out, rb_str text);

/* All up to the body's content, and all behind it. The prefixes soap and xsi are declared. */
void rb_soap_begin(struct rb_buf *out, enum rb_soap_version version);
void rb_soap_end(struct rb_buf *out);

enum rb_soap_fault {
    RB_SOAP_CLIENT,     /* 1.2: Sender */
    RB_SOAP_SERVER,     /* 1.2: Receiver */
    RB_SOAP_UNDERSTAND, /* a header that must be understood is not */
};
/* detail: elements, spliced as they are; NONE: none. */
void rb_soap_put_fault(struct rb_buf *out, enum rb_soap_version version, enum rb_soap_fault fault,
                       rb_str message, rb_str detail);

/* ---- values of XML Schema ---- */

void rb_xml_put_date(struct rb_buf *out, int64_t wall_ms); /* xs:dateTime in UTC, with milliseconds; years 1
                                                              to 9999, others as the nearest of them */
/* xs:dateTime; without a zone it is UTC. False: it is none, or not of the years 1 to 9999. */
bool rb_xml_date(rb_str text, int64_t *out_wall_ms);

#endif
