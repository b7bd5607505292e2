# rb_protobuf(path): src/<path>/proto/*.proto become the library rb_<path>_proto, by protoc-c. What it generates is not
# ours to keep free of warnings.
find_program(RB_PROTOC_C protoc-c REQUIRED)
function(rb_protobuf path)
    set(folder ${CMAKE_SOURCE_DIR}/src/${path}/proto)
    file(GLOB protos CONFIGURE_DEPENDS ${folder}/*.proto)
    if(NOT protos)
        return()
    endif()
    string(REPLACE "/" "_" name ${path})
    set(out ${CMAKE_BINARY_DIR}/proto/${path})
    file(MAKE_DIRECTORY ${out})
    set(sources "")
    foreach(proto ${protos})
        get_filename_component(stem ${proto} NAME_WE)
        list(APPEND sources ${out}/${stem}.pb-c.c)
    endforeach()
    string(REPLACE ".pb-c.c" ".pb-c.h" headers "${sources}")
    add_custom_command(
        OUTPUT ${sources} ${headers}
        COMMAND ${RB_PROTOC_C} --proto_path=${folder} --c_out=${out} ${protos}
        DEPENDS ${protos}
        VERBATIM)
    add_library(rb_${name}_proto STATIC ${sources})
    target_include_directories(rb_${name}_proto PRIVATE ${out})
    target_compile_options(rb_${name}_proto PRIVATE -w)
    target_link_libraries(rb_${name}_proto PUBLIC PkgConfig::PROTOBUF)
endfunction()
