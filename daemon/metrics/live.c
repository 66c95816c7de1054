/* live: the set. */
#include "metrics/live.h"

struct live live;
