add_compile_options(
    -Wall -Wextra -Wshadow -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes -Wundef -Wvla -Wwrite-strings
    -Wimplicit-fallthrough -Wswitch-enum -Wformat=2 -Wno-missing-field-initializers)
if(RB_WERROR)
    add_compile_options(-Werror)
endif()
add_compile_definitions(_GNU_SOURCE)
