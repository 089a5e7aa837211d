// SPDX-License-Identifier: GPL-2.0
/* A program that runs until it is ended, of which `level` looks at the privilege */
#include <unistd.h>

int main(void)
{
	return pause();
}
