/* WSDL 1.1 of one interface: types, a message for each request, response and the fault, port type, binding,
 * service. Elements in a type are unqualified and optional. */
#include "doors/bimserver/soap_call.h"

#include "base/check.h"

struct wsdl {
    struct rb_buf *out;
    enum bim_interface_id interface;
    enum bim_dialect dialect;
    enum rb_soap_version version;
    rb_str address;
};

static const char *name_of(const struct wsdl *wsdl)
{
    return bim_interfaces[wsdl->interface].name;
}

/* The next method of the interface; NULL: no more. *at starts at 0. */
static const struct bim_method *next_method(const struct wsdl *wsdl, unsigned *at)
{
    while (*at < bim_method_count) {
        const struct bim_method *method = &bim_methods[(*at)++];
        if (method->interface == wsdl->interface && method->dialects & 1u << wsdl->dialect) return method;
    }
    return NULL;
}

/* ---- types ---- */

static const char *scalar_name(enum bim_kind kind)
{
    switch (kind) {
    case BIM_LONG: return "xs:long";
    case BIM_INT: return "xs:int";
    case BIM_BOOLEAN: return "xs:boolean";
    case BIM_DATE: return "xs:dateTime";
    case BIM_BYTES:
    case BIM_DATA: return "xs:base64Binary";
    case BIM_VOID:
    case BIM_STRING:
    case BIM_UUID:
    case BIM_ENUM:
    case BIM_CLASS: return "xs:string";
    }
    RB_UNREACHABLE();
}

static void put_element(struct rb_buf *out, const char *name, const struct bim_type *type)
{
    rb_buf_add_fmt(out, "<xs:element minOccurs=\"0\" name=\"%s\" type=\"", name);
    if (type->of_class || type->of_enum) {
        rb_buf_add_text(out, "tns:");
        bim_soap_put_type_name(out, bim_type_name(type));
    } else {
        rb_buf_add_text(out, scalar_name(type->kind));
    }
    rb_buf_add_text(out, type->is_list ? "\" maxOccurs=\"unbounded\" nillable=\"true\"/>\n" : "\"/>\n");
}

static void put_class(struct wsdl *wsdl, const struct bim_class *of_class)
{
    struct rb_buf *out = wsdl->out;
    rb_buf_add_text(out, "<xs:complexType name=\"");
    bim_soap_put_type_name(out, of_class->name);
    rb_buf_add_text(out, "\">\n");
    if (of_class->parent) {
        rb_buf_add_text(out, "<xs:complexContent>\n<xs:extension base=\"tns:");
        bim_soap_put_type_name(out, of_class->parent->name);
        rb_buf_add_text(out, "\">\n");
    }
    rb_buf_add_text(out, "<xs:sequence>\n");
    for (const struct bim_field *field = of_class->fields; field->name; field++)
        if (bim_field_is_in(field, wsdl->dialect) && !bim_soap_is_inherited(of_class, field))
            put_element(out, field->name, &field->type);
    rb_buf_add_text(out, "</xs:sequence>\n");
    if (of_class->parent) rb_buf_add_text(out, "</xs:extension>\n</xs:complexContent>\n");
    rb_buf_add_text(out, "</xs:complexType>\n");
}

static void put_enum(struct rb_buf *out, const struct bim_enum *of_enum)
{
    rb_buf_add_text(out, "<xs:simpleType name=\"");
    bim_soap_put_type_name(out, of_enum->name);
    rb_buf_add_text(out, "\">\n<xs:restriction base=\"xs:string\">\n");
    for (const char *const *constant = of_enum->constants; *constant; constant++)
        rb_buf_add_fmt(out, "<xs:enumeration value=\"%s\"/>\n", *constant);
    rb_buf_add_text(out, "</xs:restriction>\n</xs:simpleType>\n");
}

static void put_wrappers(struct wsdl *wsdl, const struct bim_method *method)
{
    struct rb_buf *out = wsdl->out;
    const struct bim_parameter *parameter;
    rb_buf_add_fmt(out, "<xs:element name=\"%s\" type=\"tns:%s\"/>\n", method->name, method->name);
    rb_buf_add_fmt(out, "<xs:complexType name=\"%s\">\n<xs:sequence>\n", method->name);
    for (unsigned i = 0; (parameter = bim_parameter(method, i)) != NULL; i++)
        put_element(out, parameter->name, &parameter->type);
    rb_buf_add_text(out, "</xs:sequence>\n</xs:complexType>\n");
    rb_buf_add_fmt(out, "<xs:element name=\"%sResponse\" type=\"tns:%sResponse\"/>\n", method->name,
                   method->name);
    rb_buf_add_fmt(out, "<xs:complexType name=\"%sResponse\">\n<xs:sequence>\n", method->name);
    if (method->result.kind != BIM_VOID) put_element(out, "return", &method->result);
    rb_buf_add_text(out, "</xs:sequence>\n</xs:complexType>\n");
}

static void put_types(struct wsdl *wsdl)
{
    struct rb_buf *out = wsdl->out;
    const struct bim_method *method;
    rb_buf_add_fmt(out,
                   "<wsdl:types>\n<xs:schema targetNamespace=\"%s\" elementFormDefault=\"unqualified\" "
                   "attributeFormDefault=\"unqualified\">\n",
                   bim_namespace(wsdl->dialect));
    for (const struct bim_enum *const *at = bim_enums; *at; at++) put_enum(out, *at);
    for (const struct bim_class *const *at = bim_classes; *at; at++)
        if (bim_class_is_in(*at, wsdl->dialect)) put_class(wsdl, *at);
    for (unsigned at = 0; (method = next_method(wsdl, &at)) != NULL;) put_wrappers(wsdl, method);
    rb_buf_add_text(out, "</xs:schema>\n"
                         "<xs:schema targetNamespace=\"bimserver\" elementFormDefault=\"unqualified\">\n"
                         "<xs:element name=\"UserException\" type=\"b:UserException\"/>\n"
                         "<xs:complexType name=\"UserException\">\n<xs:sequence>\n"
                         "<xs:element name=\"errorCode\" type=\"xs:int\" nillable=\"true\"/>\n"
                         "<xs:element name=\"userMessage\" type=\"xs:string\" nillable=\"true\"/>\n"
                         "<xs:element name=\"fullMessage\" type=\"xs:string\" nillable=\"true\"/>\n"
                         "</xs:sequence>\n</xs:complexType>\n</xs:schema>\n</wsdl:types>\n");
}

/* ---- messages, port type, binding, service ---- */

static void put_messages(struct wsdl *wsdl)
{
    const struct bim_method *method;
    for (unsigned at = 0; (method = next_method(wsdl, &at)) != NULL;) {
        rb_buf_add_fmt(
            wsdl->out,
            "<wsdl:message name=\"%s\"><wsdl:part name=\"parameters\" element=\"tns:%s\"/></wsdl:message>\n",
            method->name, method->name);
        rb_buf_add_fmt(wsdl->out,
                       "<wsdl:message name=\"%sResponse\"><wsdl:part name=\"parameters\" "
                       "element=\"tns:%sResponse\"/></wsdl:message>\n",
                       method->name, method->name);
    }
    rb_buf_add_text(wsdl->out, "<wsdl:message name=\"UserException\"><wsdl:part name=\"UserException\" "
                               "element=\"b:UserException\"/></wsdl:message>\n");
}

static void put_port_type(struct wsdl *wsdl)
{
    const struct bim_method *method;
    rb_buf_add_fmt(wsdl->out, "<wsdl:portType name=\"%s%s\">\n", bim_name_prefix(wsdl->dialect),
                   name_of(wsdl));
    for (unsigned at = 0; (method = next_method(wsdl, &at)) != NULL;) {
        rb_buf_add_fmt(wsdl->out, "<wsdl:operation name=\"%s\">\n<wsdl:documentation>", method->name);
        rb_xml_put_text(wsdl->out, rb_str_of(method->doc));
        rb_buf_add_fmt(
            wsdl->out,
            "</wsdl:documentation>\n<wsdl:input name=\"%s\" message=\"tns:%s\"/>\n"
            "<wsdl:output name=\"%sResponse\" message=\"tns:%sResponse\"/>\n"
            "<wsdl:fault name=\"UserException\" message=\"tns:UserException\"/>\n</wsdl:operation>\n",
            method->name, method->name, method->name, method->name);
    }
    rb_buf_add_text(wsdl->out, "</wsdl:portType>\n");
}

static void put_binding(struct wsdl *wsdl)
{
    struct rb_buf *out = wsdl->out;
    const char *prefix = bim_name_prefix(wsdl->dialect);
    const struct bim_method *method;
    rb_buf_add_fmt(
        out,
        "<wsdl:binding name=\"%s%sServiceSoapBinding\" type=\"tns:%s%s\">\n<s:binding style=\"document\" "
        "transport=\"http://schemas.xmlsoap.org/soap/http\"/>\n",
        prefix, name_of(wsdl), prefix, name_of(wsdl));
    for (unsigned at = 0; (method = next_method(wsdl, &at)) != NULL;)
        rb_buf_add_fmt(out,
                       "<wsdl:operation name=\"%s\">\n<s:operation soapAction=\"%s\" style=\"document\"/>\n"
                       "<wsdl:input name=\"%s\"><s:body use=\"literal\"/></wsdl:input>\n"
                       "<wsdl:output name=\"%sResponse\"><s:body use=\"literal\"/></wsdl:output>\n"
                       "<wsdl:fault name=\"UserException\"><s:fault name=\"UserException\" "
                       "use=\"literal\"/></wsdl:fault>\n</wsdl:operation>\n",
                       method->name, method->name, method->name, method->name);
    rb_buf_add_text(out, "</wsdl:binding>\n");
}

static void put_service(struct wsdl *wsdl)
{
    struct rb_buf *out = wsdl->out;
    const char *prefix = bim_name_prefix(wsdl->dialect), *name = name_of(wsdl);
    rb_buf_add_fmt(out,
                   "<wsdl:service name=\"%s%sService\">\n<wsdl:port name=\"%s%sPort\" "
                   "binding=\"tns:%s%sServiceSoapBinding\">\n<s:address location=\"",
                   prefix, name, prefix, name, prefix, name);
    rb_xml_put_text(out, wsdl->address);
    rb_buf_add_text(out, "\"/>\n</wsdl:port>\n</wsdl:service>\n");
}

void bim_wsdl_write(struct rb_buf *out, enum bim_interface_id interface, enum bim_dialect dialect,
                    enum rb_soap_version version, rb_str address)
{
    struct wsdl wsdl = {out, interface, dialect, version, address};
    rb_buf_add_fmt(out,
                   "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<wsdl:definitions name=\"%s%sService\" "
                   "targetNamespace=\"%s\" xmlns:tns=\"%s\" xmlns:b=\"bimserver\" "
                   "xmlns:wsdl=\"http://schemas.xmlsoap.org/wsdl/\" xmlns:s=\"%s\" "
                   "xmlns:xs=\"http://www.w3.org/2001/XMLSchema\">\n",
                   bim_name_prefix(dialect), bim_interfaces[interface].name, bim_namespace(dialect),
                   bim_namespace(dialect),
                   version == RB_SOAP_11 ? "http://schemas.xmlsoap.org/wsdl/soap/"
                                         : "http://schemas.xmlsoap.org/wsdl/soap12/");
    put_types(&wsdl);
    put_messages(&wsdl);
    put_port_type(&wsdl);
    put_binding(&wsdl);
    put_service(&wsdl);
    rb_buf_add_text(out, "</wsdl:definitions>\n");
}
