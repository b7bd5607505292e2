/* SOAP 1.1 and 1.2 of this protocol: document/literal, wrapped; and the WSDL that says so.
 *
 * An envelope becomes the same JSON parameters as any other call's, by the table; its result becomes XML by
 * the table. Faults have HTTP status 200, as the reference forces it. Files are base64 in the envelope;
 * attachments (MTOM) are refused with a fault that says so. Pure but for what its calls do. */
#ifndef RB_BIMSERVER_SOAP_CALL_H
#define RB_BIMSERVER_SOAP_CALL_H

#include "codec/soap.h"
#include "doors/bimserver/rpc.h"

/* Called once, at once or later; slices are valid during the call. */
typedef void bim_soap_done_fn(void *arg, enum rb_soap_version version, rb_str answer);
/* interface: the simple name of the address, known (bim_interface_find). text is copied as far as it is
 * needed. Returns what bim_soap_gone takes; NULL: done was called. */
struct bim_soap *bim_soap_start(const struct bim_origin *origin, rb_str interface, rb_str text,
                                bim_soap_done_fn *done, void *arg);
void bim_soap_gone(struct bim_soap *soap); /* the client has gone; done is called all the same */

#define BIM_SOAP_NO_ATTACHMENTS                                                                              \
    "attachments (MTOM) are not read here: put the bytes into the envelope, as base64"

/* An envelope with a fault, for what never became a call. */
void bim_soap_put_refusal(struct rb_buf *out, enum rb_soap_version version, enum rb_soap_fault fault,
                          rb_str message);

/* ---- between the encodings (soap_in.c, soap_out.c) ---- */

/* The parameters of the operation as a JSON object: all of the method's, null for those that are not there.
 */
void bim_soap_put_parameters(struct rb_json_out *out, const struct bim_method *method,
                             const struct rb_soap_element *operation);
/* A result, or a field: elements of this name. NONE and null: nothing. */
void bim_soap_put_value(struct rb_buf *out, const char *name, const struct bim_type *type,
                        enum bim_dialect dialect, rb_json_val v);
/* "sLongActionState" */
void bim_soap_put_type_name(struct rb_buf *out, const char *class_or_enum);
/* The fields of a class that its parent does not have. */
bool bim_soap_is_inherited(const struct bim_class *of_class, const struct bim_field *field);

/* ---- WSDL ---- address: where the interface is called, without "?wsdl". */
void bim_wsdl_write(struct rb_buf *out, enum bim_interface_id interface, enum bim_dialect dialect,
                    enum rb_soap_version version, rb_str address);

#endif
