/*
 * The menu: a dozen groups, some ten products each, one or two portions a product.
 */
#include "player/house.hpp"

#include <sstream>

namespace tillctl
{

const std::vector<MenuGroup> &
menu_groups()
{
	static const std::vector<MenuGroup> list = {
		{"Çorbalar", "4000", 1,
		 "Mercimek Çorbası=85|Ezogelin=85|Yayla Çorbası=90|Tomato Soup=95|Işkembe=120|Balık "
		 "Çorbası=140|Mushroom Cream=110|Tarhana=85|Domates=88.50|Günün Çorbası=80"},
		{"Salatalar", "4000", 1,
		 "Çoban Salata=120/180|Caesar Salad=190|Roka=110|Greek Salad=175|Gavurdağı=145|Ton "
		 "Balıklı=210|Mevsim=105|Kısır=95|Humus=99.90|Patates Salatası=92.75"},
		{"Izgara", "4000", 1,
		 "Köfte=260/380|Adana Kebap=290|Urfa Kebap=290|Kuzu Şiş=390|Tavuk Şiş=245|Pirzola=520|Rib "
		 "Eye=790|Burger \"House\"=310|Cheeseburger=335|Beyti=330"},
		{"Balık (kg)", "4000", 1,
		 "Levrek=1200|Çipura=1100|Kalkan=2600|Lüfer=1800|Barbun=1500|Somon=1400|Karides=1700|"
		 "Ahtapot=2100|Kalamar=1300|Hamsi=600"},
		{"Pizza & Makarna", "4000", 1,
		 "Margherita=240/340|Quattro Formaggi=310/420|Penne Arrabbiata=225|Spaghetti "
		 "Bolognese=255|Lasagne=280|Mantı=235|Pide Kıymalı=215|Pide "
		 "Kaşarlı=205|Lahmacun=95|Calzone="
		 "305"},
		{"Kahvaltı", "4000", 1,
		 "Serpme Kahvaltı=650|Menemen=165|Omlet=145|Eggs "
		 "Benedict=230|Simit=25|Tost=110|Granola=150|"
		 "Pancakes=175|Sucuklu Yumurta=185|Bal Kaymak=140"},
		{"Tatlılar", "4000", 1,
		 "Baklava=190|Künefe=220|Sütlaç=120|Kazandibi=125|Cheesecake=185|Tiramisu=180|Dondurma=60/"
		 "110|Profiterol=150|İrmik Helvası=115|Brownie 🍫=170"},
		{"Sıcak İçecekler", "4010", 1,
		 "Çay=25/45|Türk Kahvesi=75|Espresso=70/95|Cappuccino=110|Latte=115|Salep=120|Sıcak "
		 "Çikolata=125|Ihlamur=80|Yeşil Çay=60|Filtre Kahve=85"},
		{"Soğuk İçecekler", "4010", 1,
		 "Su=20/35|Ayran=40|Kola=65|Limonata=90|Portakal Suyu=120|Soda=35|Şalgam=45|Ice "
		 "Tea=70|Tonic=60|Smoothie=145"},
		{"Bira", "4020", 2,
		 "Efes=130/165|Bomonti=135/170|Tuborg=130/165|Guinness=240|Heineken=155|Corona=210|Weiss="
		 "220|IPA=235|Efes Malt=140|Alkolsüz=115"},
		{"Şarap", "4020", 2,
		 "Öküzgözü=240/950|Kalecik Karası=230/920|Narince=225/900|Chardonnay=280/1150|Merlot=260/"
		 "1050|Rosé=235/930|Şampanya=4800|Prosecco=320/1300|Sangria=260|House Wine=180/700"},
		{"Kokteyl & Rakı", "4020", 2,
		 "Yeni Rakı=190/360|Tekirdağ=210/395|Mojito=310|Negroni=330|Aperol Spritz=325|Gin "
		 "Tonic=300|"
		 "Margarita=315|Whisky=340/620|Votka=260|Likör=199.99"}};
	return list;
}

namespace
{

void
add_item(std::vector<Product> &list, const MenuGroup &group, const std::string &item, int menu_item)
{
	size_t equals = item.find('=');
	std::istringstream prices(item.substr(equals + 1));
	std::string price;
	bool several = item.find('/', equals) != std::string::npos;
	bool drink = group.tax_template == 2;
	const char *names[] = {drink ? "Kadeh" : "Küçük", drink ? "Şişe" : "Büyük"};

	for (int n = 0; std::getline(prices, price, '/'); n++)
	{
		Product product;
		product.menu_item = menu_item;
		product.portion_id = static_cast<int>(list.size()) + 1;
		product.name = item.substr(0, equals);
		product.portion = several ? names[n] : "Normal";
		product.group = group.code;
		product.price = parse_fixed(price, 2);
		product.tagged_price = drink ? product.price * 8 / 10 : 0;
		product.tax_template = group.tax_template;
		list.push_back(product);
	}
}

} // namespace

const std::vector<Product> &
products()
{
	static const std::vector<Product> list = []
	{
		std::vector<Product> made;
		int menu_item = 0;
		for (const MenuGroup &group : menu_groups())
		{
			std::istringstream items(group.items);
			std::string item;
			while (std::getline(items, item, '|'))
				add_item(made, group, item, ++menu_item);
		}
		return made;
	}();
	return list;
}

int
tax_template_of(const std::string &code)
{
	for (const MenuGroup &group : menu_groups())
		if (code == group.code)
			return group.tax_template;
	return 1;
}

bool
by_weight(const Product &product)
{
	return product.group == "Balık (kg)" && product.price % 1000 == 0;
}

} // namespace tillctl
