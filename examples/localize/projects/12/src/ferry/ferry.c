/* The ticket office of a small ferry line, at a terminal. The demo project of examples/localize; try it:
 *
 *   cc -o ferry ferry.c && LANGUAGE=de TEXTDOMAINDIR=out/locale ./ferry --from Amrum --to Dagebüll
 */
#include <libintl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define _(text) gettext(text)
#define N_(text) text
#define C_(context, text) gettext_in(context "\004" text, text)

static const char *gettext_in(const char *key, const char *text)
{
    const char *found = gettext(key);
    return found == key ? text : found;
}

enum fare_type { FARE_SINGLE, FARE_RETURN };

struct sailing {
    const char *departure, *arrival;
    int pier;
    int delay_min;  /* -1: cancelled */
    int free_places;
};

static const struct sailing sailings[] = {
    {"06:30", "08:00", 2, 0, 41},
    {"11:15", "12:45", 1, 10, 1},
    {"17:45", "19:15", 1, -1, 0},
};
enum { SAILING_COUNT = sizeof sailings / sizeof sailings[0] };

static const struct {
    const char *name;
    double price;
} fares[] = {
    {N_("Passenger"), 14.50},
    {N_("Bicycle"), 6.00},
    {N_("Car with driver"), 78.00},
};

static void show_menu(void)
{
    /* TRANSLATORS: the underscore stands before the letter that chooses the entry. */
    puts(_("_Timetable"));
    puts(_("T_ickets"));
    puts(_("_Quit\tCtrl+Q"));
}

static void show_sailing(const struct sailing *s)
{
    printf("%-12s %-12s ", s->departure, s->arrival);
    if (s->delay_min < 0)
        printf("%s", _("cancelled"));
    else if (s->delay_min == 0)
        printf("%s", _("on time"));
    else
        printf(ngettext("%d minute late", "%d minutes late", (unsigned long)s->delay_min), s->delay_min);
    if (s->free_places > 0) {
        printf(", ");
        printf(ngettext("%d place left", "%d places left", (unsigned long)s->free_places), s->free_places);
    }
    putchar('\n');
}

static void show_timetable(const char *from, const char *to)
{
    printf(_("Ferries from %1$s to %2$s"), from, to);
    putchar('\n');
    printf(ngettext("%d ferry today\n", "%d ferries today\n", SAILING_COUNT), (int)SAILING_COUNT);
    printf("%-12s %-12s\n", _("Departure"), _("Arrival"));
    for (int i = 0; i < SAILING_COUNT; i++)
        show_sailing(&sailings[i]);
    printf(_("Low water: the %s ferry leaves from pier %d.\n"), sailings[0].departure, sailings[0].pier);
}

static void show_fares(enum fare_type type)
{
    /* TRANSLATORS: a ticket for one way, a ticket there and back. */
    puts(type == FARE_SINGLE ? C_("ticket", "Single") : C_("ticket", "Return"));
    for (size_t i = 0; i < sizeof fares / sizeof fares[0]; i++)
        printf("  %-20s %8.2f\n", _(fares[i].name), fares[i].price * (type == FARE_RETURN ? 2 * 0.85 : 1));
    if (type == FARE_RETURN)
        printf(_("You save %d%% with a return ticket.\n"), 15);
}

int main(int argc, char **argv)
{
    const char *from = NULL, *to = NULL;

    setlocale(LC_ALL, "");
    if (getenv("TEXTDOMAINDIR"))
        bindtextdomain("ferry", getenv("TEXTDOMAINDIR"));
    bind_textdomain_codeset("ferry", "UTF-8");
    textdomain("ferry");

    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--from") == 0)
            from = argv[i + 1];
        else if (strcmp(argv[i], "--to") == 0)
            to = argv[i + 1];
    }
    if (!from || !to) {
        fprintf(stderr, _("Usage: %s --from PORT --to PORT\n"), argv[0]);
        return 2;
    }
    if (strcmp(from, to) == 0) {
        fprintf(stderr, _("You are already in %s.\n"), from);
        return 1;
    }
    show_menu();
    show_timetable(from, to);
    show_fares(FARE_SINGLE);
    show_fares(FARE_RETURN);
    puts(_("Have a good crossing!"));
    return 0;
}
